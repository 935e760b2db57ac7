/* The uncertain inputs of one asset: words to draws, in double whatever the precision of the run. Included by kernel_isa.h. docs/numerics.md §17.
 * k = INPUTS, n = paths at a time */

enum { INPUT_CHUNK = 256 }; /* paths whose draws are made together: a multiple of TILE_STEP */

/* One input of an asset. numbers: of its distribution, relative to what the vectors were made with. */
typedef struct {
    int kind, coupled;             /* coupled: its normal is made of others too */
    double low, middle, high;      /* of a log-normal: mean and deviation of the log, and what is added */
    double width, split, left, right, mean;
    const double *values;          /* of quantiles */
    int64_t last;
    double weight[INPUTS];         /* its row of the correlations' lower triangle */
    uint64_t hash;
} input;

typedef double pert_cells[PERT_CELLS][6];

/* All inputs of an asset. wanted: bit j where the words of input j are needed; normals: where its normal is. */
typedef struct {
    int wanted, normals, multipliers;
    double mean;                   /* of the multiplier, the inputs taken as independent */
    input of[INPUTS];
    pert_cells pert[INPUTS];
    double shape[INPUTS];          /* what pert was made for */
} input_plan;

/* Σ c_n x^n/(a + n), c_n the coefficients of (1 - x)^(b-1): x^a times it is the incomplete beta function. */
static double beta_series(double a, double b, double x) {
    double term = 1.0, sum = 1.0 / a;
    for (int n = 1; n <= PERT_TERMS; n++) {
        term *= ((double)n - b) / (double)n * x;
        sum += term / (a + (double)n);
    }
    return sum;
}

/* ln x of the x in (0, 1/2] at which the incomplete beta function is e^target: Newton's method on ln x, from below. */
static double beta_root(double a, double b, double target) {
    double at = (target + log_f64(a)) / a;
    for (int i = 0; i < PERT_NEWTON; i++) {
        const double x = exp_f64(at), sum = beta_series(a, b, x);
        at -= (fma_f64(a, at, log_f64(sum)) - target) * sum / exp_f64((b - 1.0) * log_f64(1.0 - x));
        at = at < -LN2_HI_F64 ? at : -LN2_HI_F64;
    }
    return at;
}

/* The quantile function of Beta(1 + 4 shape, 5 - 4 shape) at Φ(z): polynomials of the fifth degree on cells of z, which have value, slope and
 * curvature of it at their ends. */
static void make_pert(double shape, pert_cells cells) {
    const double a = 1.0 + 4.0 * shape, b = 5.0 - 4.0 * shape, step = 1.0 / PERT_STEPS;
    const double lower = exp_f64(-a * log_f64(2.0)) * beta_series(a, b, 0.5), upper = exp_f64(-b * log_f64(2.0)) * beta_series(b, a, 0.5);
    const double whole = log_f64(lower + upper), half = lower / (lower + upper), root = 0.5 * log_f64(2.0 * PI);
    double x[2], slope[2], bend[2];
    for (int j = 0; j <= PERT_CELLS; j++) {
        const double z = (double)j * step - PERT_REACH;
        double tail, log_x, log_y;
        upper_tails(&z, 1, &tail);
        const double below = z < 0.0 ? tail : 1.0 - tail, above = z < 0.0 ? 1.0 - tail : tail;
        if (below <= half) {
            log_x = beta_root(a, b, log_f64(below) + whole);
            log_y = log_f64(1.0 - exp_f64(log_x));
        } else {
            log_y = beta_root(b, a, log_f64(above) + whole);
            log_x = log_f64(1.0 - exp_f64(log_y));
        }
        const int i = j & 1;
        x[i] = exp_f64(log_x);
        const double first = exp_f64(whole - root - 0.5 * z * z - (a - 1.0) * log_x - (b - 1.0) * log_y);
        slope[i] = step * first;
        bend[i] = step * step * first * (-z - ((a - 1.0) / x[i] - (b - 1.0) / exp_f64(log_y)) * first);
        if (j == 0) continue;
        const double *end = x + i, rise = *end - x[!i], s0 = slope[!i], s1 = slope[i], b0 = bend[!i], b1 = bend[i];
        double *c = cells[j - 1];
        c[0] = x[!i];
        c[1] = s0;
        c[2] = 0.5 * b0;
        c[3] = 10.0 * rise - 6.0 * s0 - 4.0 * s1 - 1.5 * b0 + 0.5 * b1;
        c[4] = -15.0 * rise + 8.0 * s0 + 7.0 * s1 + 1.5 * b0 - b1;
        c[5] = 6.0 * rise - 3.0 * s0 - 3.0 * s1 - 0.5 * b0 + 0.5 * b1;
    }
}

/* The inputs of asset a. plan: may hold those of another asset; tables for equal shapes are kept, or taken from a neighbour's plan. */
static void plan_inputs(const uncertain_inputs *set, int64_t a, input_plan *plan, const input_plan *neighbour) {
    plan->wanted = plan->normals = plan->multipliers = 0;
    plan->mean = 1.0;
    for (int i = 0; i < INPUTS; i++) {
        const int64_t at = a * INPUTS + i;
        input *one = plan->of + i;
        *one = (input){.kind = set->kind[at], .low = set->numbers[3 * at], .middle = set->numbers[3 * at + 1], .high = set->numbers[3 * at + 2],
                       .mean = set->means[at], .values = set->values + set->start[at], .last = set->count[at] - 1, .hash = set->hash[at]};
        if (one->kind == DRAWN_NOT) continue;
        memcpy(one->weight, set->weights + INPUTS * at, sizeof one->weight);
        for (int j = 0; j < i; j++) one->coupled |= one->weight[j] != 0.0;
        one->width = one->high - one->low;
        one->split = (one->middle - one->low) / one->width;
        one->left = one->width * (one->middle - one->low);
        one->right = one->width * (one->high - one->middle);
        const int of_normal = one->kind == DRAWN_PERT || one->kind == DRAWN_LOGNORMAL;
        plan->wanted |= 1 << i;
        if (of_normal) plan->normals |= 1 << i;
        for (int j = 0; one->coupled && j <= i; j++)
            if (one->weight[j] != 0.0) plan->wanted |= 1 << j, plan->normals |= 1 << j;
        if (one->kind == DRAWN_PERT) {
            const double shape = one->width > 0.0 ? one->split : 0.0;
            if (!(plan->shape[i] == shape)) {
                if (neighbour && neighbour->shape[i] == shape) memcpy(plan->pert[i], neighbour->pert[i], sizeof plan->pert[i]);
                else make_pert(shape, plan->pert[i]);
            }
            plan->shape[i] = shape;
        }
        if (i == INPUT_PREMIUM) continue;
        plan->multipliers++;
        plan->mean *= one->mean;
    }
}

static void draw_pert(const input *one, pert_cells cells, int64_t n, const double *restrict z, double *restrict out) {
    for (int64_t i = 0; i < n; i++) {
        const double at = (z[i] < -PERT_REACH ? -PERT_REACH : z[i] > PERT_REACH ? PERT_REACH : z[i]) * PERT_STEPS + PERT_REACH * PERT_STEPS;
        const int cell = (int)at < PERT_CELLS ? (int)at : PERT_CELLS - 1;
        const double *c = cells[cell], r = at - (double)cell;
        const double x = fma_f64(fma_f64(fma_f64(fma_f64(fma_f64(c[5], r, c[4]), r, c[3]), r, c[2]), r, c[1]), r, c[0]);
        out[i] = fma_f64(one->width, x, one->low);
    }
}

/* The draws of one input from its normals z, or from u and v = 1 - u; (n) each. */
static void draw_one(const input *one, pert_cells cells, int64_t n, const double *restrict z, const double *restrict u, const double *restrict v,
                     double *restrict out) {
    const double low = one->low, high = one->high, width = one->width, split = one->split, left = one->left, right = one->right;
    switch (one->kind) {
    case DRAWN_TRIANGULAR:
        for (int64_t i = 0; i < n; i++) {
            const double rising = low + sqrt_f64(u[i] * left), falling = high - sqrt_f64(v[i] * right);
            out[i] = u[i] < split ? rising : falling;
        }
        break;
    case DRAWN_PERT: draw_pert(one, cells, n, z, out); break;
    case DRAWN_UNIFORM:
        for (int64_t i = 0; i < n; i++) out[i] = fma_f64(width, u[i], low);
        break;
    case DRAWN_LOGNORMAL:
        for (int64_t i = 0; i < n; i++) out[i] = exp_f64(fma_f64(one->middle, z[i], low)) + high;
        break;
    default:
        for (int64_t i = 0; i < n; i++) {
            const double at = u[i] * (double)one->last;
            const int64_t cell = (int64_t)at < one->last ? (int64_t)at : one->last - 1;
            out[i] = fma_f64(at - (double)cell, one->values[cell + 1] - one->values[cell], one->values[cell]);
        }
    }
}

/* Draws of n paths, in this order: the multiplier, what the control takes for it, δ, and what the control takes of δ. word: (k, INPUT_CHUNK). */
static void draw_inputs(const input_plan *plan, const uint32_t (*word)[INPUT_CHUNK], int64_t n, double (*out)[INPUT_CHUNK]) {
    double z[INPUTS][INPUT_CHUNK], y[INPUT_CHUNK], u[INPUT_CHUNK], v[INPUT_CHUNK], x[INPUT_CHUNK];
    double *m = out[0], *k = out[1], *premium = out[2], *tilt = out[3];
    for (int j = 0; j < INPUTS; j++)
        for (int64_t i = 0; plan->normals >> j & 1 && i < n; i += LANES_f64) {
            words_f64 some;
            memcpy(&some, word[j] + i, sizeof some);
            store_f64(z[j] + i, inverses_f64(some));
        }
    int before = 0;
    double mean = 1.0;
    for (int64_t i = 0; i < n; i++) m[i] = k[i] = 1.0, premium[i] = tilt[i] = 0.0;
    for (int j = 0; j < INPUTS; j++) {
        const input *one = plan->of + j;
        if (one->kind == DRAWN_NOT) continue;
        if (one->coupled) {
            int any = 0;
            for (int l = 0; l <= j; l++) {
                const double weight = one->weight[l];
                if (weight == 0.0) continue;
                for (int64_t i = 0; i < n; i++) y[i] = any ? fma_f64(weight, z[l][i], y[i]) : weight * z[l][i];
                any = 1;
            }
            upper_tails(y, n, x);
            for (int64_t i = 0; i < n; i++) u[i] = y[i] < 0.0 ? x[i] : 1.0 - x[i], v[i] = y[i] < 0.0 ? 1.0 - x[i] : x[i];
        } else
            for (int64_t i = 0; i < n; i++) u[i] = ((double)word[j][i] + 0.5) * 0x1p-32, v[i] = ((double)~word[j][i] + 0.5) * 0x1p-32;
        draw_one(one, (double (*)[6])plan->pert[j], n, one->coupled ? y : z[j], u, v, x);
        if (j == INPUT_PREMIUM) {
            for (int64_t i = 0; i < n; i++) premium[i] = x[i], tilt[i] = mean * (x[i] - one->mean);
            continue;
        }
        for (int64_t i = 0; i < n; i++) {
            k[i] = before ? fma_f64(one->mean, k[i], fma_f64(mean, x[i], -(mean * one->mean))) : x[i];
            m[i] = before ? m[i] * x[i] : x[i];
        }
        before = 1;
        mean *= one->mean;
    }
}
