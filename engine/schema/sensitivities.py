"""The columns of results of sensitivities: slopes, tornados and indices."""

from __future__ import annotations

from ipvalue.schema.column import Column, Kind

_MONEY = "market's currency"


def _driver(name: str, meaning: str, unit: str = "", kind: Kind = "float", group: str = "sensitivities.parquet") -> Column:
    return Column(name, kind, meaning, group, unit, source="sensitivities")


_BY_DRIVER = "assets/part-*.parquet of sensitivities"


def _slopes(group: str) -> tuple[Column, ...]:
    return (
        _driver("mean", "expected value", _MONEY, group=group),
        _driver("derivative", "of mean, for a change of 1 of the driver in its unit; blank where there is none", group=group),
        _driver("derivative_error", "standard error of derivative", group=group),
        _driver("elasticity", "per cent of mean for 1 % of the driver; blank where mean is 0", group=group),
        _driver("elasticity_error", "standard error of elasticity", group=group),
        _driver("how", "closed form, or simulated", kind="string", group=group),
    )


SENSITIVITIES = (
    _driver("(group columns)", "the columns of --group-by; blank in the rows of the whole", kind="string"),
    _driver("driver", "what is moved", kind="string"),
    _driver("assets", "rights in the group", kind="int"),
    _driver("moved", "rights whose driver was moved", kind="int"),
    _driver("one_sided", "of these, those whose driver could be moved to one side only", kind="int"),
    *_slopes("sensitivities.parquet"),
)

SENSITIVITY_ASSETS = (
    _driver("asset_id", "as in the portfolio", kind="string", group=_BY_DRIVER),
    _driver("driver", "what is moved", kind="string", group=_BY_DRIVER),
    *_slopes(_BY_DRIVER),
    _driver("sides", "to which sides the driver could be moved: both, up, down or none", kind="string", group=_BY_DRIVER),
)

TORNADO = (
    _driver("(group columns)", "the columns of --group-by; blank in the rows of the whole", kind="string", group="tornado.parquet"),
    _driver("driver", "what is moved, the widest first", kind="string", group="tornado.parquet"),
    _driver("swing", "how far, down and up", group="tornado.parquet"),
    _driver("low", "value with the driver at its low end", _MONEY, group="tornado.parquet"),
    _driver("high", "value with the driver at its high end", _MONEY, group="tornado.parquet"),
    _driver("base", "value with nothing moved", _MONEY, group="tornado.parquet"),
)


def _index(name: str, meaning: str, kind: Kind = "float") -> Column:
    return Column(name, kind, meaning, "indices.parquet", "fraction" if kind == "float" else "", source="sensitivities")


INDICES = (
    _index("asset_id", "as in the portfolio", "string"),
    _index("input", "the uncertain input", "string"),
    _index("first_order", "share of the variance that would be gone if this input alone were known"),
    _index("first_order_error", "standard error of first_order"),
    _index("total", "share that would be left if all other inputs were known"),
    _index("total_error", "standard error of total"),
    _index("paths", "paths simulated", "int"),
    _index("status", "ok, or what to be careful about", "string"),
)
