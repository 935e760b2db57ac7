/* The period vectors: model.md §2, §4, §6, §7. Included by kernel_isa.h. Every line is + − × ÷, our exp and pow, so the bits do not depend on the
 * processor; what needs exp or pow for every period stands in a loop by itself, which takes vectors, and whole ones: such a loop runs on to a
 * multiple of WHOLE, past its last period, where the times stay at the last one and nobody reads what comes of them. */
enum { WHOLE = 8 };
INLINE int64_t whole(int64_t n) { return (n + WHOLE - 1) & -(int64_t)WHOLE; }

typedef struct {
    const double *d;
    int64_t assets, a;
} row;
#define GET(name) (r->d[DRIVER_##name * r->assets + r->a])

INLINE int later(double x, double y) { return x > y + TIME_EPSILON; }

/* Linear between the points, flat outside. `place` is where the last x stood, and makes an ascending walk of it; at first that of the item. */
static double interpolate(const pairs *table, int32_t item, double x, int64_t *place) {
    const int64_t first = table->start[item], last = table->start[item + 1] - 1;
    if (x <= table->x[first]) return table->y[first];
    if (x >= table->x[last]) return table->y[last];
    int64_t low = *place >= first && *place < last && table->x[*place] <= x ? *place : first;
    while (table->x[low + 1] <= x) low++;
    *place = low;
    return table->y[low] + (table->y[low + 1] - table->y[low]) * ((x - table->x[low]) / (table->x[low + 1] - table->x[low]));
}

/* 1 + k(u), and DF(u) = (1 + k(u))^-u, not a number where the rate is -100 % or less */
static double gross_rate(const vector_job *job, int32_t curve, double premium, double u) {
    int64_t place = 0;
    return 1.0 + interpolate(&job->curves, curve, u, &place) + premium;
}
static double discount(const vector_job *job, int32_t curve, double premium, double u) {
    const double gross = gross_rate(job, curve, premium, u);
    if (!(gross > 0.0)) return NAN;
    return u == 0.0 ? 1.0 : pow_f64(gross, -u); /* the power is 1 too, to the bit */
}
/* The same at n ascending times; room: whole(n) numbers, as many as there are times. */
static void discounts(const vector_job *job, int32_t curve, double premium, const double *restrict u, int64_t n, double *restrict gross, double *restrict out) {
    int64_t place = 0;
    for (int64_t i = 0; i < n; i++) gross[i] = 1.0 + interpolate(&job->curves, curve, u[i], &place) + premium;
    for (int64_t i = n; i < whole(n); i++) gross[i] = gross[n - 1];
    for (int64_t i = 0; i < whole(n); i++) {
        const double power = pow_f64(gross[i], -u[i]);
        out[i] = gross[i] > 0.0 ? power : NAN;
    }
}
/* out = e^(-rate·time): 1 at a rate of 0. */
static void decays(double rate, const double *restrict time, int64_t n, double *restrict out) {
    if (rate == 0.0)
        for (int64_t i = 0; i < whole(n); i++) out[i] = 1.0;
    else
        for (int64_t i = 0; i < whole(n); i++) out[i] = exp_f64(-rate * time[i]);
}
/* out = base^time */
static void powers(double base, const double *restrict time, int64_t n, double *restrict out) {
    for (int64_t i = 0; i < whole(n); i++) out[i] = pow_f64(base, time[i]);
}

/* S without the grant: exp(-hazard·e)·T(age + e)/T(age) is split so that T(age) is looked up once. */
static double surviving(const vector_job *job, int32_t curve, double age, int64_t *place) {
    return curve < 0 || age < 0.0 ? 1.0 : interpolate(&job->survivals, curve, age, place);
}

static double whole_years(double x) { return __builtin_ceil(x - TIME_EPSILON); }
static double greater(double x, double y) { return x > y ? x : y; }

/* Years until the last stage of a project ends; 0 where there is none. */
static double stages_end(const vector_job *job, int64_t a) {
    double end = 0.0;
    for (int64_t i = job->stage_start[a]; i < job->stage_start[a + 1]; i++) end += job->stage_years[i];
    return end;
}

static void count_periods(const vector_job *job, int64_t *periods) {
    for (int64_t a = 0; a < job->assets; a++) {
        const row here = {job->drivers, job->assets, a}, *r = &here;
        double life = GET(life);
        if (job->indefinite[a]) {
            double years = whole_years(life);
            const double staged = stages_end(job, a);
            years = greater(years, whole_years(greater(GET(launch_lag), staged) + GET(ramp_years)) + 1.0);
            /* the survival before the last year holds every stage's success */
            if (staged > 0.0) years = greater(years, whole_years(staged) + 2.0);
            /* the whole last year, its survival's start included, lies past the grant */
            if (GET(grant_probability) < 1.0 || later(GET(grant_lag), 0.0)) years = greater(years, __builtin_floor(GET(grant_lag) + TIME_EPSILON) + 2.0);
            life = greater(years, (double)(job->path_start[a + 1] - job->path_start[a]) + 1.0);
        }
        const double count = __builtin_ceil(life * job->steps - TIME_EPSILON);
        periods[a] = count < 1.0 ? 1 : (int64_t)count;
    }
}

/* Official fees due in each period, in market money of the day, into f. */
static void add_fees(const vector_job *job, const row *r, const double *end, int64_t periods, double *f) {
    const int32_t item = job->schedule[r->a];
    if (item < 0) return;
    const double age = GET(fee_age), start = GET(fee_start), gross = 1.0 + GET(fee_inflation), every = job->every[item], last = end[periods - 1];
    for (int64_t i = job->schedules.start[item]; i < job->schedules.start[item + 1]; i++) {
        double turn = every > 0.0 && age > job->schedules.x[i] ? __builtin_floor((age - job->schedules.x[i]) / every) : 0.0;
        for (;; turn += 1.0) {
            const double due = job->schedules.x[i] + turn * every - age;
            if (later(due, last)) break;
            if (later(due, 0.0) && later(due, start)) {
                int64_t t = (int64_t)(due * job->steps);
                t = t >= periods ? periods - 1 : t;
                while (t > 0 && !later(due, end[t - 1])) t--;
                while (t < periods - 1 && later(due, end[t])) t++;
                f[t] += job->schedules.y[i] * pow_f64(gross, due);
            }
            if (every <= 0.0) break;
        }
    }
}

/* What each stage of a project costs, in market money of the day, into f of the period where it starts. */
static void add_stages(const vector_job *job, const row *r, const double *end, int64_t periods, double *f) {
    double begin = 0.0;
    for (int64_t i = job->stage_start[r->a]; i < job->stage_start[r->a + 1]; i++) {
        for (int64_t t = 0; t < periods; t++)
            if (!later(t ? end[t - 1] : 0.0, begin) && later(end[t], begin)) {
                f[t] += job->stage_cost[i] * GET(fx);
                break;
            }
        begin += job->stage_years[i];
    }
}

/* The probability that every stage that ends by `time` succeeds. */
static double succeeded(const vector_job *job, int64_t a, double time) {
    double end = 0.0, probability = 1.0;
    for (int64_t i = job->stage_start[a]; i < job->stage_start[a + 1]; i++) {
        end += job->stage_years[i];
        if (!later(end, time)) probability *= job->stage_probability[i];
    }
    return probability;
}

/* The last year repeated for ever: w_N and f_N take its present value. */
static int8_t add_perpetuity(const vector_job *job, const row *r, int64_t periods, double middle, double growth, const double *w, const double *cost,
                             const double *survival, double *w_last, double *f_last) {
    const int64_t m = job->steps, first = periods - m;
    const double end = survival[periods - 1];
    if (end <= 0.0) return VECTOR_OK;
    const double kept = first > 0 ? end / survival[first - 1] : end;
    const double gross = gross_rate(job, job->curve[r->a], GET(discount_premium), middle);
    const double x = (1.0 + growth) * kept * exp_f64(-GET(obsolescence)) / gross, x_cost = (1.0 + GET(cost_inflation)) * kept / gross;
    double sales = 0.0, costs = 0.0;
    for (int64_t t = first; t < periods; t++) {
        sales += w[t] * survival[t] / end;
        costs += cost[t] * survival[t] / end;
    }
    if (sales > 0.0 && x >= 1.0) return VECTOR_GROWTH;
    if (costs > 0.0 && x_cost >= 1.0) return VECTOR_COST_GROWTH;
    *w_last += sales > 0.0 ? x / (1.0 - x) * sales : 0.0;
    *f_last += costs > 0.0 ? x_cost / (1.0 - x_cost) * costs : 0.0;
    return VECTOR_OK;
}

/* Room for the periods of one asset. What the asset before it left there is kept where it is made of the same drivers: versions of one right
 * differ in few of them, and its neighbours in a register often do. */
typedef struct {
    double *end, *middle, *df, *df_end, *aging, *lasting, *entering, *running, *fees, *cost, *annual, *rates, *due, *tab, *tab_df, *room;
} fill_space;
enum { FILL_ARRAYS = sizeof(fill_space) / sizeof(double *) };

/* Whether an asset has the driver's number of the one before it. */
#define LIKE(name) (r->d[DRIVER_##name * r->assets + r->a] == r->d[DRIVER_##name * r->assets + r->a - 1])

/* Which of the arrays of the asset before hold for this one. */
typedef struct {
    int times, df, df_end, aging, lasting, entering, running, fees, rates, due, survival, tab;
} kept;

static kept what_is_kept(const vector_job *job, int64_t a, int before) {
    const row here = {job->drivers, job->assets, a}, *r = &here;
    kept k = {0};
    if (!before) return k;
    const int64_t *offset = job->offset, *path = job->path_start, *stage = job->stage_start;
    const int discounting = job->curve[a] == job->curve[a - 1] && LIKE(discount_premium);
    k.tab = discounting && LIKE(tab_years);
    k.times = offset[a + 1] - offset[a] == offset[a] - offset[a - 1] && job->indefinite[a] == job->indefinite[a - 1] && LIKE(life);
    if (!k.times) return k;
    const int scheduled = job->schedule[a] == job->schedule[a - 1] && LIKE(fee_inflation);
    k.df = discounting;
    k.df_end = k.df && r->d[DRIVER_salvage * r->assets + a - 1] > 0.0;
    k.aging = LIKE(obsolescence);
    k.lasting = LIKE(hazard);
    k.entering = LIKE(entry_hazard);
    k.running = LIKE(cost_inflation) && r->d[DRIVER_annual_cost * r->assets + a - 1] > 0.0;
    k.fees = scheduled;
    k.rates = LIKE(growth) && LIKE(growth_long) && LIKE(growth_fade) && path[a + 1] - path[a] == path[a] - path[a - 1];
    k.due = scheduled && LIKE(fee_age) && LIKE(fee_start);
    k.survival = k.lasting && job->survival_curve[a] == job->survival_curve[a - 1] && LIKE(survival_age) && LIKE(grant_lag) &&
                 LIKE(grant_probability) && stage[a + 1] == stage[a - 1];
    return k;
}
#undef LIKE

/* The revenue of each year from 1, into annual; returns the growth of the last. With a path, growth counts from the path's end. rates: of growth. */
static double revenues(const row *r, const double *path, int64_t given, int64_t years, int rated, double *restrict annual, double *restrict rates) {
    const double level = GET(growth_long), extra = GET(growth) - GET(growth_long), fade = GET(growth_fade);
    if (!rated)
        for (int64_t i = given; i < whole(years); i++) rates[i] = level + extra * exp_f64(-fade * (double)(i - given));
    double now = GET(revenue), growth = 0.0;
    for (int64_t i = 0; i < years; i++) {
        if (i < given) now = path[i];
        else {
            growth = rates[i];
            now *= 1.0 + growth;
        }
        annual[i] = now;
    }
    return growth;
}

static int8_t fill_asset(const vector_job *job, int64_t a, const kept *kept, const fill_space *s) {
    const row here = {job->drivers, job->assets, a}, *r = &here;
    const int64_t start = job->offset[a], periods = job->offset[a + 1] - start;
    double *w = job->w + start, *f = job->f + start, *survival = job->survival + start, *rival = job->rival + start, *salvage = job->salvage + start;
    const int32_t curve = job->curve[a], survival_curve = job->survival_curve[a], schedule = job->schedule[a];
    const int endless = job->indefinite[a], limited = job->limited[a], staged_at_all = job->stage_start[a + 1] > job->stage_start[a];
    const double life = endless ? (double)periods / job->steps : GET(life), premium = GET(discount_premium), net = 1.0 - GET(tax_rate);
    const double grant_lag = GET(grant_lag), probability = GET(grant_probability), staged = stages_end(job, a);
    const double launch = greater(GET(launch_lag), staged), ramp_years = GET(ramp_years), age = GET(survival_age), fx = GET(fx);
    const double rate = GET(rate), share = GET(revenue_share), annual_cost = GET(annual_cost), sold_for = GET(salvage);
    const int pending = probability < 1.0 || later(grant_lag, 0.0);
    int64_t place = 0;
    const double age_survival = surviving(job, survival_curve, age, &place);
    if (age_survival <= 0.0) return VECTOR_SURVIVAL_ZERO;

    if (!kept->times) {
        for (int64_t t = 0; t < whole(periods); t++) {
            const double e = (double)(t + 1) / job->steps;
            s->end[t] = e < life ? e : life;
        }
        for (int64_t t = 0; t < whole(periods); t++) s->middle[t] = job->mid_period ? ((t ? s->end[t - 1] : 0.0) + s->end[t]) / 2.0 : s->end[t];
    }
    job->last_delta[a] = s->end[periods - 1] - (periods > 1 ? s->end[periods - 2] : 0.0);
    if (!kept->due) {
        memset(s->due, 0, (size_t)periods * sizeof *f);
        add_fees(job, r, s->end, periods, s->due);
    }
    memcpy(f, s->due, (size_t)periods * sizeof *f);
    add_stages(job, r, s->end, periods, f);
    if (!kept->df) discounts(job, curve, premium, s->middle, periods, s->room, s->df);
    if (sold_for > 0.0 && !kept->df_end) discounts(job, curve, premium, s->end, periods, s->room, s->df_end);
    if (!kept->aging) decays(GET(obsolescence), s->end, periods, s->aging);
    if (!kept->lasting) decays(GET(hazard), s->end, periods, s->lasting);
    if (!kept->entering) decays(GET(entry_hazard), s->end, periods, s->entering);
    if (annual_cost > 0.0 && !kept->running) powers(1.0 + GET(cost_inflation), s->middle, periods, s->running);
    if (endless && schedule >= 0 && !kept->fees) powers(1.0 + GET(fee_inflation), s->middle, periods, s->fees);
    const double growth = revenues(r, job->path + job->path_start[a], job->path_start[a + 1] - job->path_start[a],
                                   (int64_t)whole_years(s->end[periods - 1]), kept->rates, s->annual, s->rates);
    if (kept->survival) memcpy(survival, survival - periods, (size_t)periods * sizeof *survival);

    double previous = 1.0;
    int64_t year = 0;
    for (int64_t t = 0; t < periods; t++) {
        const double before = t ? s->end[t - 1] : 0.0, e = s->end[t], length = e - before, df = s->df[t], since = e - launch;
        while ((double)(year + 1) < whole_years(e)) year++;
        const double ramp = !later(e, launch) ? 0.0 : ramp_years > 0.0 && since < ramp_years ? since / ramp_years : 1.0;
        const int granted = later(e, grant_lag), sells = ramp > 0.0 && (granted || !pending) && !later(staged, before);
        w[t] = sells ? df * net * rate * s->annual[year] * share * length * s->aging[t] * ramp * fx : 0.0;
        const double running = annual_cost > 0.0 ? annual_cost * length * s->running[t] * fx : 0.0;
        f[t] = df * net * (running + f[t]);
        if (endless) s->cost[t] = df * net * (running + (schedule >= 0 ? job->mean_fee[schedule] * length * s->fees[t] : 0.0));
        rival[t] = s->entering[t];
        salvage[t] = sold_for > 0.0 ? s->df_end[t] * sold_for * fx : 0.0;
        double living = kept->survival ? survival[t] : (granted ? probability : 1.0) * s->lasting[t] * (staged_at_all ? succeeded(job, a, before) : 1.0);
        if (survival_curve >= 0 && !kept->survival) living *= surviving(job, survival_curve, age + e, &place) / age_survival;
        survival[t] = living < previous ? living : previous;
        previous = survival[t];
        if (df != df || salvage[t] != salvage[t]) return VECTOR_RATE;
        if (job->low) {
            const int bounded = limited && sells;
            job->low[start + t] = bounded ? df * net * GET(minimum_guarantee) * length * fx : limited ? 0.0 : -INFINITY;
            job->high[start + t] = bounded ? df * net * GET(cap) * length * fx : INFINITY;
        }
        if (!(w[t] - w[t] == 0.0) || !(f[t] - f[t] == 0.0)) return VECTOR_INFINITE;
    }
    if (!endless) return VECTOR_OK;
    return add_perpetuity(job, r, periods, s->middle[periods - 1], growth, w, s->cost, survival, &w[periods - 1], &f[periods - 1]);
}

/* 1/(1 − tax/n·ΣDF), model.md §7; 1 without tab_years. */
static double tab_factor(const vector_job *job, int64_t a, const kept *kept, const fill_space *s) {
    const row here = {job->drivers, job->assets, a}, *r = &here;
    const int64_t n = (int64_t)GET(tab_years);
    if (n <= 0) return 1.0;
    if (!kept->tab) {
        for (int64_t j = 0; j < whole(n); j++) s->tab[j] = job->mid_period ? (double)(j + 1) - 0.5 : (double)(j + 1);
        discounts(job, job->curve[a], GET(discount_premium), s->tab, n, s->room, s->tab_df);
    }
    double sum = 0.0;
    for (int64_t j = 0; j < n; j++) sum += s->tab_df[j];
    return 1.0 / (1.0 - GET(tax_rate) / (double)n * sum); /* not positive where the relief alone is worth the price */
}

/* (1 − discount)·DF(time to sell), model.md §7 */
static double premise_factor(const vector_job *job, int64_t a) {
    const row here = {job->drivers, job->assets, a}, *r = &here;
    return (1.0 - GET(premise_discount)) * discount(job, job->curve[a], GET(discount_premium), GET(time_to_sell));
}

static int fill_vectors(const vector_job *job) {
    int64_t most = MAX_HORIZON_YEARS; /* of tab_years */
    for (int64_t a = 0; a < job->assets; a++) most = job->offset[a + 1] - job->offset[a] > most ? job->offset[a + 1] - job->offset[a] : most;
    most = whole(most);
    double *memory = malloc((size_t)(FILL_ARRAYS * most) * sizeof(double)), *arrays[FILL_ARRAYS];
    if (!memory) return RUN_NO_MEMORY;
    for (int i = 0; i < FILL_ARRAYS; i++) arrays[i] = memory + i * most;
    fill_space space;
    memcpy(&space, arrays, sizeof space);
    for (int64_t a = 0; a < job->assets; a++) {
        const kept kept = what_is_kept(job, a, a > 0 && job->status[a - 1] == VECTOR_OK);
        job->status[a] = fill_asset(job, a, &kept, &space);
        job->tab_factor[a] = job->status[a] == VECTOR_OK ? tab_factor(job, a, &kept, &space) : 1.0;
        job->premise_factor[a] = job->status[a] == VECTOR_OK ? premise_factor(job, a) : 1.0;
        if (job->status[a] != VECTOR_OK) continue;
        if (!(job->tab_factor[a] >= 1.0 && job->tab_factor[a] <= GREATEST_FACTOR)) job->status[a] = VECTOR_TAX_BENEFIT;
        else if (!(job->premise_factor[a] * job->tab_factor[a] <= GREATEST_FACTOR)) job->status[a] = VECTOR_PREMISE;
    }
    free(memory);
    return RUN_OK;
}

/* E[V] and Var[V] of one asset whose cash is neither clamped nor optional: model.md §6. The second moment needs one pass, because
 * E[X_t·X_s], E[c_t·c_s] and E[alive_t·alive_s] for t <= s each factor into a part of t and a part of s. */
enum { GROWN = 2 * WHOLE };
static void closed_form(const closed_job *job, int64_t a) {
    const int64_t start = job->offset[a], periods = job->offset[a + 1] - start;
    const double low = job->royalty_low[a], high = job->royalty_high[a], kept = 1.0 - job->entry_loss[a];
    const double ranged = (low + 1.0 + high) / 3.0, ranged_square = ranged * ranged + (low * low + high * high + 1.0 - low * high - low - high) / 18.0;
    const double royalty = job->multiplier ? ranged * job->multiplier[a] : ranged;
    const double royalty_square = job->multiplier ? ranged_square * job->multiplier_square[a] : ranged_square;
    const double drift = job->volatility[a] * job->volatility[a] * job->step[a], initial = exp_f64(job->uncertainty[a] * job->uncertainty[a]);
    double mean = 0.0, square = 0.0, sum_w = 0.0, sum_wc = 0.0, sum_mean = 0.0, sum_f = 0.0, growth[GROWN];
    for (int64_t t = 0; t < periods; t++) {
        if (t % GROWN == 0) /* of the next periods together: a loop that takes vectors */
            for (int i = 0; i < GROWN; i++) growth[i] = exp_f64(drift * (double)(t + i + 1));
        const double w = job->w[start + t], f = job->f[start + t], s = job->survival[start + t], c = job->rival[start + t];
        if (s <= 0.0) break;
        const double share = c + (1.0 - c) * kept, income = royalty * w * share;
        mean += s * (income - f);
        const double grown = w * growth[t % GROWN];
        const double with_earlier = w * (sum_w * (c * (1.0 - kept) + kept * kept) + sum_wc * kept * (1.0 - kept));
        const double with_itself = w * grown * (c + (1.0 - c) * kept * kept);
        square += s * (royalty_square * initial * (with_itself + 2.0 * with_earlier) - 2.0 * f * income + f * f
                       - 2.0 * (sum_mean * f + sum_f * income) + 2.0 * sum_f * f);
        sum_w += grown;
        sum_wc += grown * c;
        sum_mean += income;
        sum_f += f;
    }
    job->mean[a] = mean;
    job->variance[a] = square - mean * mean;
}

static void closed_forms(const closed_job *job) {
    for (int64_t a = 0; a < job->assets; a++) closed_form(job, a);
}
