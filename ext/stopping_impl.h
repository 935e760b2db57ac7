/* The optimal renewal boundary of one asset. Included by kernel_isa.h. model.md §5, docs/numerics.md §9. */

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

/* Values of one state (rival out or in) at the nodes of `known`, with v at L = 0 beside. */
typedef struct {
    double *value, *expected;  /* (nodes + 2 reach), (nodes) */
    double zero;
    span known;
} value_state;

/* Sums of a convolution that stay in registers: eight chains, so that none waits for its last addition. A grid has more nodes. */
#if defined(__AVX512F__)
#define EXPECT_LANES 8
#define EXPECT_VECTOR __m512d
#define EXPECT_DO(name) _mm512_##name
#elif defined(__AVX2__)
#define EXPECT_LANES 4
#define EXPECT_VECTOR __m256d
#define EXPECT_DO(name) _mm256_##name
#else
#define EXPECT_LANES 2
#endif
enum { EXPECT_CHAINS = 8, EXPECT_TILE = EXPECT_CHAINS * EXPECT_LANES };

static void expect_tile(const double *weight, const double *value, int64_t reach, double *out) {
#ifdef EXPECT_VECTOR
    EXPECT_VECTOR sum[EXPECT_CHAINS];
    for (int k = 0; k < EXPECT_CHAINS; k++) sum[k] = EXPECT_DO(setzero_pd)();
    for (int64_t d = 0; d <= 2 * reach; d++) {
        const EXPECT_VECTOR w = EXPECT_DO(set1_pd)(weight[d]);
        for (int k = 0; k < EXPECT_CHAINS; k++) sum[k] = EXPECT_DO(fmadd_pd)(w, EXPECT_DO(loadu_pd)(value + d + k * EXPECT_LANES), sum[k]);
    }
    for (int k = 0; k < EXPECT_CHAINS; k++) EXPECT_DO(storeu_pd)(out + k * EXPECT_LANES, sum[k]);
#else
    for (int k = 0; k < EXPECT_TILE; k++) {
        double sum = 0.0;
        for (int64_t d = 0; d <= 2 * reach; d++) sum = fma_f64(weight[d], value[d + k], sum);
        out[k] = sum;
    }
#endif
}
#undef EXPECT_LANES
#undef EXPECT_VECTOR
#undef EXPECT_DO

/* expected[j] = E[v(L_j · X)] after one period at the nodes of `wanted`, within those that are known; v is linear in L between nodes and beyond them. */
static void expect(const value_grid *g, span wanted, value_state *v) {
    const int64_t r = g->reach, first = v->known.first, last = v->known.last;
    double *value = v->value + r;
    const double *level = g->level + r;
    const double slope_low = (value[first] - v->zero) / level[first];
    const double slope_high = (value[last] - value[last - 1]) / (level[last] - level[last - 1]);
    for (int64_t j = wanted.first - r; j < first; j++) value[j] = v->zero + slope_low * level[j];
    for (int64_t j = last + 1; j <= wanted.last + r; j++) value[j] = value[last] + slope_high * (level[j] - level[last]);
    for (int64_t j = wanted.first; j <= wanted.last; j += EXPECT_TILE) {
        /* the last tile overlaps the one before: the same sums again */
        const int64_t from = j + EXPECT_TILE <= wanted.last + 1 ? j : wanted.last + 1 - EXPECT_TILE;
        expect_tile(g->weight, v->value + from, r, v->expected + from);
    }
    v->known = wanted;
}

/* What the rival's entry does to a level: L·kept lies `below` cells lower, the part `theta` of a cell above its lower node; the same for every node. */
typedef struct {
    double kept, theta;
    int64_t below;
} entry;

static entry entry_of(const value_grid *g, double kept) {
    entry e = {kept, 0.0, g->nodes};
    if (kept <= 0.0) return e;
    e.below = (int64_t)__builtin_ceil(-log_f64(kept) / g->step);
    e.below = e.below < 1 ? 1 : e.below > g->nodes ? g->nodes : e.below;
    const double lower = exp_f64(-(double)e.below * g->step), upper = exp_f64(-(double)(e.below - 1) * g->step);
    e.theta = (kept - lower) / (upper - lower);
    return e;
}

/* out.expected = what is expected of both states where the rival stays out with probability `stays`; that of the state "in" is linear in L between
 * nodes, and below them down to L = 0. */
static void mix(const value_grid *g, double stays, const entry *e, value_state *out, const value_state *in) {
    const int64_t first = in->known.first, last = in->known.last, covered = first + e->below < last + 1 ? first + e->below : last + 1;
    const double *level = g->level + g->reach;
    const double enters = 1.0 - stays;
    double *restrict expected = out->expected;
    const double *restrict after = in->expected;
    const double slope = (after[first] - in->zero) / level[first] * e->kept;
    for (int64_t j = first; j < covered; j++) expected[j] = stays * expected[j] + enters * (in->zero + slope * level[j]);
    for (int64_t j = covered; j <= last; j++) {
        const double lower = after[j - e->below], upper = after[j - e->below + 1];
        expected[j] = stays * expected[j] + enters * (lower + (upper - lower) * e->theta);
    }
    out->zero = stays * out->zero + enters * in->zero;
}

INLINE double clamp(double x, double low, double high) { return x < low ? low : x > high ? high : x; }

/* value = q: this period's cash and, with probability `ratio`, what is expected of the next. */
static void earn_and_wait(const value_grid *g, double w, double low, double high, double f, double ratio, value_state *v) {
    const double *level = g->level + g->reach;
    double *restrict q = v->value + g->reach;
    const double *restrict next = v->expected;
    for (int64_t j = v->known.first; j <= v->known.last; j++) q[j] = clamp(w * level[j], low, high) - f + ratio * next[j];
    v->zero = clamp(0.0, low, high) - f + ratio * v->zero;
}

/* How far right of its place the line through the nodes before and at `level` finds a root, by the parabola through these and the next. */
static double bend(const double *level, const double *q, double root) {
    const double width = level[0] - level[-1], slope = (q[0] - q[-1]) / width;
    const double curvature = ((q[1] - q[0]) / (level[1] - level[0]) - slope) / (level[1] - level[-1]);
    return curvature * (root - level[-1]) * (root - level[0]) / slope;
}

/* b = inf{L : q(L) >= salvage} from q at the known nodes; q is left as v = max(salvage, q) with the kink's triangle taken off. */
static double find_boundary(const value_grid *g, double salvage, value_state *v) {
    const double *level = g->level + g->reach, zero = v->zero;
    double *q = v->value + g->reach;
    const int64_t first = v->known.first, last = v->known.last;
    int64_t k = first;
    while (k <= last && q[k] < salvage) k++;
    double bound;
    if (k == first) {
        bound = zero >= salvage ? 0.0 : level[k] * (salvage - zero) / (q[k] - zero);
    } else if (k > last) {
        const double slope = (q[last] - q[last - 1]) / (level[last] - level[last - 1]);
        bound = slope > 0.0 ? level[last] + (salvage - q[last]) / slope : INFINITY;
    } else {
        const double part = (salvage - q[k - 1]) / (q[k] - q[k - 1]);
        bound = level[k - 1] + part * (level[k] - level[k - 1]);
        if (k < last) bound -= bend(level + k, q + k, bound);
        const double height = (q[k] - salvage) * part, theta = log_f64(bound / level[k - 1]) / g->step;
        const double centroid = (1.0 + theta) / 3.0, spread = (q[k] - q[k - 1]) / 12.0;
        q[k] += spread * theta - 0.5 * height * centroid;
        q[k - 1] = salvage + spread * (1.0 - theta) - 0.5 * height * (1.0 - centroid);
        k--;
    }
    for (int64_t j = first; j < k; j++) q[j] = salvage;
    v->zero = zero < salvage ? salvage : zero;
    return bound;
}

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

static int grid_make(value_grid *g, const stopping *job, int64_t a, int64_t periods, double s) {
    double bottom, top;
    range_of(job, a, s * s * (double)periods + job->uncertainty[a] * job->uncertainty[a], &bottom, &top);
    /* without volatility no convolution has to be paid for, and a level may stand exactly on its boundary */
    const double finest = (top - bottom) / (GRID_MAX_NODES - 2), coarsest = s > 0.0 ? (top - bottom) / GRID_MIN_NODES : finest;
    g->step = s / GRID_NODES_PER_SIGMA;
    g->step = clamp(g->step, finest, coarsest);
    g->middle = (int64_t)__builtin_ceil(-bottom / g->step);
    g->nodes = g->middle + (int64_t)__builtin_ceil(top / g->step) + 1;
    g->reach = s > 0.0 ? (int64_t)__builtin_ceil((WEIGHT_SIGMAS * s + 0.5 * s * s + s * s) / g->step) + 1 : 0;
    const int64_t padded = g->nodes + 2 * g->reach;
    g->level = malloc((size_t)(padded + 5 * (2 * g->reach + 2)) * sizeof(double));
    if (!g->level) return RUN_NO_MEMORY;
    g->weight = g->level + padded;
    g->work = g->weight + 2 * g->reach + 2;
    for (int64_t j = 0; j < padded; j++) g->level[j] = exp_f64((double)(j - g->reach - g->middle) * g->step);
    grid_weights(g, s);
    return RUN_OK;
}

/* Backwards over the asset's periods; state[0] the rival out, state[1] in, both worth nothing after the last. */
static void solve(const stopping *job, int64_t a, int64_t periods, const value_grid *g, double s, value_state state[2]) {
    const int64_t start = job->offset[a];
    const double *survival = job->survival + start, *rival = job->enters && job->enters[a] ? job->rival + start : NULL;
    const entry e = entry_of(g, 1.0 - job->entry_loss[a]);
    const int states = rival ? 2 : 1, clamped = job->clamped && job->clamped[a];
    for (int64_t t = periods - 1; t >= 0; t--) {
        const double low = clamped ? job->low[start + t] : -INFINITY, high = clamped ? job->high[start + t] : INFINITY;
        const double f = job->f[start + t], salvage = job->salvage[start + t];
        const span reached = span_of(g, job, a, t, s);
        double ratio = 0.0;
        if (t + 1 < periods) {
            ratio = survival[t + 1] / survival[t];
            for (int c = 0; c < states; c++) expect(g, reached, &state[c]);
            if (rival) mix(g, rival[t] > 0.0 ? rival[t + 1] / rival[t] : 0.0, &e, &state[0], &state[1]);
        } else
            state[0].known = state[1].known = reached;
        for (int c = 0; c < states; c++) earn_and_wait(g, job->w[start + t], low, high, f, ratio, &state[c]);
        if (f > 0.0 || salvage > 0.0) {
            job->bound_out[start + t] = job->bound_in[start + t] = find_boundary(g, salvage, &state[0]);
            if (rival) job->bound_in[start + t] = find_boundary(g, salvage, &state[1]);
        }
    }
}

static int boundary_of(const stopping *job, int64_t a) {
    const int64_t start = job->offset[a];
    int64_t periods = job->offset[a + 1] - start;
    for (int64_t t = 0; t < periods; t++) job->bound_out[start + t] = job->bound_in[start + t] = 0.0;
    while (periods > 0 && job->survival[start + periods - 1] <= 0.0) periods--;
    value_grid g;
    const double s = job->volatility[a] * sqrt_f64(job->step[a]);
    if (grid_make(&g, job, a, periods, s) != RUN_OK) return RUN_NO_MEMORY;
    const int64_t padded = g.nodes + 2 * g.reach;
    double *memory = calloc((size_t)(2 * (padded + g.nodes)), sizeof(double));
    if (memory) {
        value_state state[2] = {{memory, memory + 2 * padded, 0.0, {0, 0}}, {memory + padded, memory + 2 * padded + g.nodes, 0.0, {0, 0}}};
        solve(job, a, periods, &g, s, state);
    }
    const int result = memory ? RUN_OK : RUN_NO_MEMORY;
    free(memory);
    free(g.level);
    return result;
}

static int boundaries(const stopping *job) {
    for (int64_t a = 0; a < job->assets; a++) {
        if (*job->stop) return RUN_STOPPED;
        if (!job->optional[a]) continue;
        const int result = boundary_of(job, a);
        if (result != RUN_OK) return result;
    }
    return RUN_OK;
}
