/* The grid of ln L on which an asset is solved. Included by kernel_isa.h. docs/numerics.md §9. */

static void upper_tails(const double *restrict x, int64_t n, double *restrict out) {
    for (int64_t i = 0; i < n; i++) out[i] = upper_tail_f64(x[i]);
}

/* P(low < Z < high) from the tails beyond both; on the upper side a difference of upper tails, so that nothing cancels. */
static double between(double low, double tail_low, double high, double tail_high) {
    if (low > 0.0) return tail_low - tail_high;
    return (high < 0.0 ? tail_high : 1.0 - tail_high) - (low < 0.0 ? tail_low : 1.0 - tail_low);
}

/* The grid of x = ln L and the weights of its convolution. Node j stands at level[reach + j]; L = 1 is node `middle`. */
typedef struct {
    int64_t nodes, middle, reach;  /* reach: nodes on either side that a convolution looks at */
    double step;
    double *level;         /* (nodes + 2 reach) e^x, the padding included */
    double *weight;        /* (2 reach + 1) */
    double *work;          /* 4 (2 reach + 2) */
} value_grid;

/* The weights of one period whose ln L has standard deviation `sigma`. Reading v linearly between nodes adds h²/6 to the variance, so as much
 * is left out of it. */
static void grid_weights(value_grid *g, double sigma) {
    const int64_t reach = g->reach;
    const double narrower = sigma * sigma - g->step * g->step / 6.0, s = sqrt_f64(narrower > 0.25 * sigma * sigma ? narrower : 0.25 * sigma * sigma);
    if (reach == 0) {
        g->weight[0] = 1.0;
        return;
    }
    const int64_t edges = 2 * reach + 2;
    const double h = g->step, mean = -0.5 * s * s, growth = exp_f64(h) - 1.0;
    double *edge = g->work, *shifted = edge + edges, *tail = shifted + edges, *tail_shifted = tail + edges;
    for (int64_t i = 0; i < edges; i++) {
        edge[i] = ((double)(i - reach) * h - mean) / s;
        shifted[i] = edge[i] - s;
    }
    upper_tails(edge, edges, tail);
    upper_tails(shifted, edges, tail_shifted);
    double before = 0.0;
    for (int64_t i = 0; i + 1 < edges; i++) {
        const double p = between(edge[i], tail[i], edge[i + 1], tail[i + 1]);
        const double m = between(shifted[i], tail_shifted[i], shifted[i + 1], tail_shifted[i + 1]);
        const double right = (exp_f64(-(double)(i - reach) * h) * m - p) / growth;
        g->weight[i] = p - right + before;
        before = right;
    }
    /* what lies beyond goes to the ends, so that the weights give 1 its expectation, and L */
    double rest = 1.0, tilted = 1.0;
    for (int64_t d = -reach; d <= reach; d++) {
        rest -= g->weight[reach + d];
        tilted -= g->weight[reach + d] * exp_f64((double)d * h);
    }
    const double low = exp_f64(-(double)reach * h), high = exp_f64((double)reach * h), upper = (tilted - rest * low) / (high - low);
    g->weight[2 * reach] += upper;
    g->weight[0] += rest - upper;
}

/* Nodes first … last, the levels that can be reached by some period. */
typedef struct {
    int64_t first, last;
} span;

INLINE double clamp(double x, double low, double high) { return x < low ? low : x > high ? high : x; }

/* What ln L of an asset may be after so much variance, with a probability beyond of about 1e-9 on either side. */
static void range_of(const stopping *job, int64_t a, double variance, double *bottom, double *top) {
    const double low = job->royalty_low[a], high = job->royalty_high[a], kept = 1.0 - job->entry_loss[a];
    const double spread = GRID_SIGMAS * sqrt_f64(variance) + 0.5;
    *bottom = -0.5 * variance - spread;
    *top = spread;
    if (low < high) {
        *bottom += low > 0.0 ? log_f64(low) : -2.0 * GRID_SIGMAS;
        *top += log_f64(high);
    }
    if (job->least) {
        if (job->least[a] < 1.0) *bottom += job->least[a] > 0.0 ? log_f64(job->least[a]) : -2.0 * GRID_SIGMAS;
        if (job->greatest[a] > 1.0) *top += log_f64(job->greatest[a]);
    }
    if (job->enters && job->enters[a] && kept > 0.0) *bottom += log_f64(kept);
    /* e^x stays a normal number; levels below are as good as 0, which is solved by itself */
    *bottom = *bottom < -GRID_LIMIT ? -GRID_LIMIT : *bottom;
    *top = *top > GRID_LIMIT ? GRID_LIMIT : *top;
}

/* The periods before the right has surely ended. */
static int64_t periods_alive(const stopping *job, int64_t a) {
    int64_t periods = job->offset[a + 1] - job->offset[a];
    while (periods > 0 && job->survival[job->offset[a] + periods - 1] <= 0.0) periods--;
    return periods;
}

/* The nodes that period t can reach, GRID_MIN_SPAN at least. */
static span span_of(const value_grid *g, const stopping *job, int64_t a, int64_t t, double s) {
    double bottom, top;
    range_of(job, a, s * s * (double)(t + 1) + job->uncertainty[a] * job->uncertainty[a], &bottom, &top);
    int64_t below = (int64_t)__builtin_ceil(-bottom / g->step), above = (int64_t)__builtin_ceil(top / g->step);
    below = below < GRID_MIN_SPAN / 2 ? GRID_MIN_SPAN / 2 : below;
    above = above < GRID_MIN_SPAN / 2 ? GRID_MIN_SPAN / 2 : above;
    const span found = {g->middle > below ? g->middle - below : 0, g->middle + above < g->nodes ? g->middle + above : g->nodes - 1};
    return found;
}

/* The grid of an asset whose periods are so many, without its arrays. */
static value_grid grid_of(const stopping *job, int64_t a, int64_t periods, double s) {
    value_grid g = {0};
    double bottom, top;
    range_of(job, a, s * s * (double)periods + job->uncertainty[a] * job->uncertainty[a], &bottom, &top);
    /* without volatility no convolution has to be paid for, and a level may stand exactly on its boundary */
    const double finest = (top - bottom) / (GRID_MAX_NODES - 2), coarsest = s > 0.0 ? (top - bottom) / GRID_MIN_NODES : finest;
    g.step = clamp(s / GRID_NODES_PER_SIGMA, finest, coarsest);
    g.middle = (int64_t)__builtin_ceil(-bottom / g.step);
    g.nodes = g.middle + (int64_t)__builtin_ceil(top / g.step) + 1;
    g.reach = s > 0.0 ? (int64_t)__builtin_ceil((WEIGHT_SIGMAS * s + 0.5 * s * s + s * s) / g.step) + 1 : 0;
    return g;
}

static double grid_level(const value_grid *g, int64_t node) { return exp_f64((double)(node - g->middle) * g->step); }

static int grid_make(value_grid *g, double s) {
    const int64_t padded = g->nodes + 2 * g->reach;
    g->level = malloc((size_t)(padded + 5 * (2 * g->reach + 2)) * sizeof(double));
    if (!g->level) return RUN_NO_MEMORY;
    g->weight = g->level + padded;
    g->work = g->weight + 2 * g->reach + 2;
    for (int64_t j = 0; j < padded; j++) g->level[j] = grid_level(g, j - g->reach);
    grid_weights(g, s);
    return RUN_OK;
}

/* Values of one state (rival out or in) at the nodes of `known`, with v at L = 0 beside. */
typedef struct {
    double *value, *expected;  /* (nodes + 2 reach), (nodes) */
    double zero;
    span known;
} value_state;
