/* Value curves on nodes that a level's bits find. Included by kernel_isa.h. docs/numerics.md §19, "Collateral". */

/* The greatest node at or below a level: its exponent and the first bits of its mantissa, 2^CURVE_BITS nodes to an octave. Node 0 is 1. */
INLINE int64_t node_below(double level) { return (f64_to_bits(level) >> (52 - CURVE_BITS)) - ((int64_t)1023 << CURVE_BITS); }
INLINE double level_of(int64_t node) { return bits_to_f64((node + ((int64_t)1023 << CURVE_BITS)) << (52 - CURVE_BITS)); }

/* Which asked periods something is expected after, and the cells of a curve there. */
static int count_cells(const stopping *job) {
    const asked_curves *asked = job->asked;
    for (int64_t a = 0; a < job->assets; a++) {
        if (asked->start[a] == asked->start[a + 1]) continue;
        const int64_t periods = periods_alive(job, a);
        const double s = job->volatility[a] * sqrt_f64(job->step[a]);
        const value_grid g = grid_of(job, a, periods, s);
        for (int64_t k = asked->start[a]; k < asked->start[a + 1]; k++) {
            asked->first_cell[k] = asked->cells[k] = 0;
            if (asked->period[k] + 1 >= periods) continue;
            const span reached = span_of(&g, job, a, asked->period[k], s);
            const double top = grid_level(&g, reached.last);
            const int64_t first = node_below(grid_level(&g, reached.first)), last = node_below(top) + (level_of(node_below(top)) < top);
            asked->first_cell[k] = first - 1;
            asked->cells[k] = last - first + 1;
        }
    }
    return RUN_OK;
}

/* Slope of the cell from node j on, and how it changes at node j. */
INLINE double rise_of(const double *level, const double *expected, double scale, int64_t j) {
    return (scale * expected[j + 1] - scale * expected[j]) / (level[j + 1] - level[j]);
}
INLINE double bend_at(const double *level, const double *expected, double scale, int64_t j) {
    return (rise_of(level, expected, scale, j) - rise_of(level, expected, scale, j - 1)) / (level[j + 1] - level[j - 1]);
}

/* `scale` times what is expected at the nodes that are known, as lines on the curve's cells. Between the nodes it is read by the mean of the parabolas
 * through a cell's ends and the node before or after, below them and in their last cell and beyond by lines. */
static void lay_curve(const value_grid *g, const value_state *v, double scale, int64_t first_cell, int64_t cells, double *restrict slope,
                      double *restrict level0) {
    const double *level = g->level + g->reach, *expected = v->expected, zero = scale * v->zero;
    const int64_t first = v->known.first, last = v->known.last;
    /* the cell that `right` stands in: from `start`, where it is worth `value`, to `end` */
    int64_t j = first - 1;
    double start = 0.0, end = level[first], value = zero, rise = (scale * expected[first] - zero) / end, curvature = 0.0;
    double left = 0.0, at_left = zero;
    for (int64_t i = 0; i < cells; i++) {
        const double right = level_of(first_cell + 1 + i);
        if (j < last - 1 && end <= right) {
            do j++;
            while (j < last - 1 && level[j + 1] <= right);
            start = level[j];
            end = level[j + 1];
            value = scale * expected[j];
            rise = rise_of(level, expected, scale, j);
            const double before = j > first ? bend_at(level, expected, scale, j) : 0.0;
            curvature = j < last - 1 ? 0.5 * (before + bend_at(level, expected, scale, j + 1)) : 0.0;
        }
        const double beyond = right - start, at_right = value + rise * beyond + curvature * beyond * (right - end);
        slope[i] = (at_right - at_left) / (right - left);
        level0[i] = at_left - slope[i] * left;
        left = right;
        at_left = at_right;
    }
}
