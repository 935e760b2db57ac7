/* The optimal renewal boundary of one asset. Included by kernel_isa.h. model.md §5, docs/numerics.md §9. */

/* out[i] = P(Z > |x_i|) of a standard normal Z, absolute error below 1e-15: its series near 0, the continued fraction of Mills' ratio outside
 * (Abramowitz & Stegun 26.2.11 and 26.2.14). work holds 3 n numbers; loops run over i so that they take vectors. */
static void upper_tails(const double *x, int64_t n, double *restrict out, double *restrict work) {
    double *restrict z = work, *restrict sum = work + n, *restrict fraction = work + 2 * n;
    for (int64_t i = 0; i < n; i++) {
        z[i] = x[i] < 0.0 ? -x[i] : x[i];
        sum[i] = out[i] = fraction[i] = z[i];
    }
    for (int k = 1; k < 60; k++)
        for (int64_t i = 0; i < n; i++) {
            out[i] *= z[i] * z[i] / (double)(2 * k + 1); /* the series' terms */
            sum[i] += out[i];
        }
    for (int k = 60; k > 0; k--)
        for (int64_t i = 0; i < n; i++) fraction[i] = z[i] + (double)k / fraction[i];
    for (int64_t i = 0; i < n; i++) {
        const double density = exp_f64(-0.5 * z[i] * z[i]) / SQRT_TWO_PI;
        out[i] = z[i] < 3.0 ? 0.5 - density * sum[i] : density / fraction[i];
    }
}

/* P(low < Z < high) from the tails beyond both; on the upper side a difference of upper tails, so that nothing cancels. */
static double between(double low, double tail_low, double high, double tail_high) {
    if (low > 0.0) return tail_low - tail_high;
    return (high < 0.0 ? tail_high : 1.0 - tail_high) - (low < 0.0 ? tail_low : 1.0 - tail_low);
}

/* The grid of x = ln L and the weights of its convolution. */
typedef struct {
    int64_t nodes, reach;  /* reach: nodes on either side that a convolution looks at */
    double step, lowest;
    double *level;         /* (nodes + 2 reach) e^x, the padding included */
    double *weight;        /* (2 reach + 1) */
    double *work;          /* 7 (2 reach + 2) */
} value_grid;

static void grid_weights(value_grid *g, double s) {
    const int64_t reach = g->reach;
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
    upper_tails(edge, edges, tail, tail_shifted + edges);
    upper_tails(shifted, edges, tail_shifted, tail_shifted + edges);
    double before = 0.0;
    for (int64_t i = 0; i + 1 < edges; i++) {
        const double p = between(edge[i], tail[i], edge[i + 1], tail[i + 1]);
        const double m = between(shifted[i], tail_shifted[i], shifted[i + 1], tail_shifted[i + 1]);
        const double right = (exp_f64(-(double)(i - reach) * h) * m - p) / growth;
        g->weight[i] = p - right + before;
        before = right;
    }
}

/* Values of one state (rival out or in) at every node, with v at L = 0 beside. */
typedef struct {
    double *value, *expected;  /* (nodes + 2 reach), (nodes) */
    double zero;
} value_state;

enum { EXPECT_TILE = 16 }; /* sums that stay in registers; a grid has more nodes */

static void expect_tile(const double *weight, const double *value, int64_t reach, double *out) {
#ifdef __AVX2__
    __m256d a = _mm256_setzero_pd(), b = a, c = a, e = a;
    for (int64_t d = 0; d <= 2 * reach; d++) {
        const __m256d w = _mm256_broadcast_sd(weight + d);
        a = _mm256_fmadd_pd(w, _mm256_loadu_pd(value + d), a);
        b = _mm256_fmadd_pd(w, _mm256_loadu_pd(value + d + 4), b);
        c = _mm256_fmadd_pd(w, _mm256_loadu_pd(value + d + 8), c);
        e = _mm256_fmadd_pd(w, _mm256_loadu_pd(value + d + 12), e);
    }
    _mm256_storeu_pd(out, a);
    _mm256_storeu_pd(out + 4, b);
    _mm256_storeu_pd(out + 8, c);
    _mm256_storeu_pd(out + 12, e);
#else
    for (int k = 0; k < EXPECT_TILE; k++) {
        double sum = 0.0;
        for (int64_t d = 0; d <= 2 * reach; d++) sum = fma_f64(weight[d], value[d + k], sum);
        out[k] = sum;
    }
#endif
}

/* expected[j] = E[v(L_j · X)] after one period, v piecewise linear in L. */
static void expect(const value_grid *g, value_state *v) {
    const int64_t n = g->nodes, r = g->reach;
    double *value = v->value;
    const double *level = g->level;
    const double slope_low = (value[r] - v->zero) / level[r];
    const double slope_high = (value[r + n - 1] - value[r + n - 2]) / (level[r + n - 1] - level[r + n - 2]);
    for (int64_t j = 0; j < r; j++) {
        value[j] = v->zero + slope_low * level[j];
        value[r + n + j] = value[r + n - 1] + slope_high * (level[r + n + j] - level[r + n - 1]);
    }
    /* the last tile overlaps the one before: the same sums again */
    for (int64_t j = 0; j < n; j += EXPECT_TILE) expect_tile(g->weight, value + (j + EXPECT_TILE <= n ? j : n - EXPECT_TILE), r, v->expected + (j + EXPECT_TILE <= n ? j : n - EXPECT_TILE));
}

/* `expected` of the state read at level L, linear in L between nodes. */
static double expected_at(const value_grid *g, const value_state *v, double level, double x) {
    if (level <= 0.0) return v->zero;
    const double *node = g->level + g->reach, position = (x - g->lowest) / g->step;
    int64_t k = position < 0.0 ? 0 : (int64_t)position;
    k = k > g->nodes - 2 ? g->nodes - 2 : k;
    if (level < node[0]) return v->zero + (v->expected[0] - v->zero) * (level / node[0]);
    return v->expected[k] + (v->expected[k + 1] - v->expected[k]) * ((level - node[k]) / (node[k + 1] - node[k]));
}

/* b = inf{L : q(L) >= salvage} from q at the nodes; q is left as v = max(salvage, q) with the kink's triangle taken off. */
static double find_boundary(const value_grid *g, double *q, double *zero, double salvage) {
    const double *level = g->level + g->reach;
    const int64_t n = g->nodes;
    int64_t k = 0;
    while (k < n && q[k] < salvage) k++;
    double bound;
    if (k == 0) {
        bound = *zero >= salvage ? 0.0 : level[0] * (salvage - *zero) / (q[0] - *zero);
    } else if (k == n) {
        const double slope = (q[n - 1] - q[n - 2]) / (level[n - 1] - level[n - 2]);
        bound = slope > 0.0 ? level[n - 1] + (salvage - q[n - 1]) / slope : INFINITY;
    } else {
        const double part = (salvage - q[k - 1]) / (q[k] - q[k - 1]);
        bound = level[k - 1] + part * (level[k] - level[k - 1]);
        const double height = (q[k] - salvage) * part, theta = log_f64(bound / level[k - 1]) / g->step;
        const double centroid = (1.0 + theta) / 3.0;
        q[k] -= 0.5 * height * centroid;
        q[k - 1] = salvage - 0.5 * height * (1.0 - centroid);
        k--;
    }
    for (int64_t j = 0; j < k; j++) q[j] = salvage;
    *zero = *zero < salvage ? salvage : *zero;
    return bound;
}

INLINE double clamp(double x, double low, double high) { return x < low ? low : x > high ? high : x; }

static int grid_make(value_grid *g, const stopping *job, int64_t a, int64_t periods, double s) {
    const double initial = job->uncertainty[a], low = job->royalty_low[a], high = job->royalty_high[a], kept = 1.0 - job->entry_loss[a];
    const double variance = s * s * (double)periods + initial * initial, spread = GRID_SIGMAS * sqrt_f64(variance) + 0.5;
    double bottom = -0.5 * variance - spread, top = spread;
    if (low < high) {
        bottom += low > 0.0 ? log_f64(low) : -2.0 * GRID_SIGMAS;
        top += log_f64(high);
    }
    if (job->enters && job->enters[a] && kept > 0.0) bottom += log_f64(kept);
    /* e^x stays a normal number; levels below are as good as 0, which is solved by itself */
    bottom = bottom < -GRID_LIMIT ? -GRID_LIMIT : bottom;
    top = top > GRID_LIMIT ? GRID_LIMIT : top;
    /* without volatility no convolution has to be paid for, and a level may stand exactly on its boundary */
    const double finest = (top - bottom) / (GRID_MAX_NODES - 2), coarsest = s > 0.0 ? (top - bottom) / GRID_MIN_NODES : finest;
    g->step = s / GRID_NODES_PER_SIGMA;
    g->step = clamp(g->step, finest, coarsest);
    const int64_t below = (int64_t)__builtin_ceil(-bottom / g->step), above = (int64_t)__builtin_ceil(top / g->step);
    g->nodes = below + above + 1;
    g->lowest = -(double)below * g->step;  /* L = 1 is a node */
    g->reach = s > 0.0 ? (int64_t)__builtin_ceil((WEIGHT_SIGMAS * s + 0.5 * s * s + s * s) / g->step) + 1 : 0;
    const int64_t padded = g->nodes + 2 * g->reach;
    g->level = malloc((size_t)(padded + 8 * (2 * g->reach + 2)) * sizeof(double));
    if (!g->level) return RUN_NO_MEMORY;
    g->weight = g->level + padded;
    g->work = g->weight + 2 * g->reach + 2;
    for (int64_t j = 0; j < padded; j++) g->level[j] = exp_f64(g->lowest + (double)(j - g->reach) * g->step);
    grid_weights(g, s);
    return RUN_OK;
}

static int boundary_of(const stopping *job, int64_t a) {
    const int64_t start = job->offset[a];
    int64_t periods = job->offset[a + 1] - start;
    const double *survival = job->survival + start, *rival = job->enters && job->enters[a] ? job->rival + start : NULL;
    for (int64_t t = 0; t < periods; t++) job->bound_out[start + t] = job->bound_in[start + t] = 0.0;
    while (periods > 0 && survival[periods - 1] <= 0.0) periods--;
    const double s = job->volatility[a] * sqrt_f64(job->step[a]), kept = 1.0 - job->entry_loss[a];
    value_grid g;
    if (grid_make(&g, job, a, periods, s) != RUN_OK) return RUN_NO_MEMORY;
    const int64_t n = g.nodes, padded = n + 2 * g.reach;
    double *memory = malloc((size_t)(2 * (padded + n)) * sizeof(double));
    if (!memory) {
        free(g.level);
        return RUN_NO_MEMORY;
    }
    value_state state[2] = {{memory, memory + padded, 0.0}, {memory + padded + n, memory + 2 * padded + n, 0.0}};  /* rival out, in */
    const int states = rival ? 2 : 1;
    const double shift = kept > 0.0 ? log_f64(kept) : 0.0, *level = g.level + g.reach;
    for (int64_t t = periods - 1; t >= 0; t--) {
        const double w = job->w[start + t], f = job->f[start + t], salvage = job->salvage[start + t];
        const double low = job->clamped && job->clamped[a] ? job->low[start + t] : -INFINITY;
        const double high = job->clamped && job->clamped[a] ? job->high[start + t] : INFINITY;
        const int ends = t + 1 == periods;
        const double ratio = ends ? 0.0 : survival[t + 1] / survival[t];
        const double stays = !rival || ends ? 1.0 : rival[t] > 0.0 ? rival[t + 1] / rival[t] : 0.0;
        if (!ends)
            for (int c = 0; c < states; c++) expect(&g, &state[c]);
        /* the rival out first: it reads the expectation of "in" before that state moves on */
        for (int c = 0; c < states; c++) {
            double *q = state[c].value + g.reach;
            const double cash_zero = clamp(0.0, low, high) - f;
            double next_zero = ends ? 0.0 : state[c].zero;
            if (c == 0 && states == 2 && !ends) next_zero = stays * state[0].zero + (1.0 - stays) * state[1].zero;
            for (int64_t j = 0; j < n; j++) {
                double next = ends ? 0.0 : state[c].expected[j];
                if (c == 0 && states == 2 && !ends)
                    next = stays * next + (1.0 - stays) * expected_at(&g, &state[1], kept * level[j], g.lowest + (double)j * g.step + shift);
                q[j] = clamp(w * level[j], low, high) - f + ratio * next;
            }
            state[c].zero = cash_zero + ratio * next_zero;
        }
        const int decides = f > 0.0 || salvage > 0.0;
        if (!decides) continue;
        job->bound_out[start + t] = find_boundary(&g, state[0].value + g.reach, &state[0].zero, salvage);
        job->bound_in[start + t] =
            states == 2 ? find_boundary(&g, state[1].value + g.reach, &state[1].zero, salvage) : job->bound_out[start + t];
    }
    free(memory);
    free(g.level);
    return RUN_OK;
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
