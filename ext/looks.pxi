# What assets are looked at after some of their periods. Included by kernel.pyx only.


cdef void for_looks(look_set *out, object looks, Py_ssize_t n, Py_ssize_t paths, object real, Py_ssize_t factors) except *:
    """looks: ipvalue.lending.looks.Looks of n assets on so many paths of the precision `real`."""
    cdef Py_ssize_t count = looks.period.shape[0], cells = looks.slope.shape[0]
    cdef double[:, :] slots = looks.slots
    if looks.start.shape[0] != n + 1:
        raise ValueError(f"looks of {looks.start.shape[0] - 1} assets, not of {n}")
    if slots.shape[1] != paths or (slots.shape[0] and paths and looks.slots.strides[1] != sizeof(double)):
        raise ValueError(f"slots of {slots.shape[1]} paths, not of {paths} one after the other")
    out.start = longs(looks.start, n + 1)
    out.period = ints(looks.period, count)
    out.entered = doubles(looks.entered, count)
    out.open = doubles(looks.open, count)
    out.owed = doubles(looks.owed, count)
    out.lasting = flags(looks.lasting, count)
    out.slot = longs(looks.slot, count)
    out.opens = flags(looks.opens, count)
    out.weight = doubles(looks.weight, count)
    out.floored = flags(looks.floored, count)
    out.curve_entered = ints(looks.curve_entered, count)
    out.curve_open = ints(looks.curve_open, count)
    out.curves = looks.first_cell.shape[0]
    out.cell_start = longs(looks.cell_start, out.curves + 1)
    out.first_cell = longs(looks.first_cell, out.curves)
    out.slope = doubles(looks.slope, cells)
    out.level0 = doubles(looks.level0, cells)
    out.worth = longs(looks.worth, n)
    out.share = doubles(looks.share, n)
    out.worth_opens = flags(looks.worth_opens, n)
    out.slots = &slots[0, 0] if slots.shape[0] and paths else NULL
    out.stride = looks.slots.strides[0] // sizeof(double)
    out.years = NULL
    if looks.years is not None:
        for_years(out, looks, paths, real, factors)


cdef void for_years(look_set *out, object looks, Py_ssize_t paths, object real, Py_ssize_t factors) except *:
    """The factors over whole years, of the run's precision."""
    years = looks.years
    reach = looks.period[looks.lasting != 0].max(initial=-1) + 1
    if years.dtype != real or years.shape[0] != factors or years.shape[1] < reach or years.shape[2] != paths or years.strides[2] != years.itemsize:
        raise ValueError(f"expected ({factors}, {reach}, {paths}) factors over years of {real.__name__}, got {years.dtype} of shape {years.shape}")
    out.years = <const void *><size_t>years.__array_interface__["data"][0]
    out.year_stride = years.strides[1] // years.itemsize
    out.factor_stride = years.strides[0] // years.itemsize
