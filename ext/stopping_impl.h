/* The optimal renewal boundary of one asset. Included by kernel_isa.h. model.md §5, docs/numerics.md §9. */

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

/* Backwards over the asset's periods; state[0] the rival out, state[1] in, both worth nothing after the last. */
static void solve(const stopping *job, int64_t a, int64_t periods, const value_grid *g, double s, value_state state[2]) {
    const int64_t start = job->offset[a];
    const double *survival = job->survival + start, *rival = job->enters && job->enters[a] ? job->rival + start : NULL;
    const entry e = entry_of(g, 1.0 - job->entry_loss[a]);
    const int states = rival ? 2 : 1, clamped = job->clamped && job->clamped[a];
    const asked_curves *asked = job->asked;
    int64_t k = asked ? asked->start[a + 1] : 0;
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
        while (asked && k > asked->start[a] && asked->period[k - 1] >= t) {
            k--;
            for (int c = 0; c < states && asked->cells[k]; c++) {
                const int64_t cell = asked->cell[k] + c * asked->cells[k];
                lay_curve(g, &state[c], ratio / asked->discount[k], asked->first_cell[k], asked->cells[k], asked->slope + cell, asked->level0 + cell);
            }
        }
        for (int c = 0; c < states; c++) earn_and_wait(g, job->w[start + t], low, high, f, ratio, &state[c]);
        if (job->optional[a] && (f > 0.0 || salvage > 0.0)) {
            job->bound_out[start + t] = job->bound_in[start + t] = find_boundary(g, salvage, &state[0]);
            if (rival) job->bound_in[start + t] = find_boundary(g, salvage, &state[1]);
        }
    }
}

static int solve_asset(const stopping *job, int64_t a) {
    const int64_t start = job->offset[a], periods = periods_alive(job, a);
    for (int64_t t = start; t < job->offset[a + 1]; t++) job->bound_out[t] = job->bound_in[t] = 0.0;
    const double s = job->volatility[a] * sqrt_f64(job->step[a]);
    value_grid g = grid_of(job, a, periods, s);
    if (grid_make(&g, s) != RUN_OK) return RUN_NO_MEMORY;
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
        if (!job->optional[a] && (!job->asked || job->asked->start[a] == job->asked->start[a + 1])) continue;
        const int result = solve_asset(job, a);
        if (result != RUN_OK) return result;
    }
    return RUN_OK;
}
