/* Families whose levels are laid down for all paths before the first version is walked, so that each version's values are described while they are in
 * the cache. Included by kernel_impl.h only. */

/* What is laid of all paths, as FN(laid) has it of LAID of them: level by LAID paths, (periods, LAID) each, and so is here. */
typedef struct {
    int64_t places; /* versions that a family may have; 0: none is laid whole */
    FN(laid) laid;
} FN(whole);

static void FN(release_whole)(FN(whole) *w) {
    free(w->laid.level);
    free(w->laid.survival);
    free(w->laid.rival);
    free(w->laid.here);
}

/* Room for the levels of `longest` periods on n paths. False without memory. */
static int FN(allocate_whole)(int64_t n, int64_t longest, FN(whole) *w) {
    const int64_t paths = (n + FN(LAID) - 1) / FN(LAID) * FN(LAID);
    w->laid.level = aligned_alloc(64, (size_t)(paths * (longest + 1)) * sizeof(REAL));
    w->laid.survival = aligned_alloc(64, (size_t)paths * sizeof(uint32_t));
    w->laid.rival = aligned_alloc(64, (size_t)paths * sizeof(uint32_t));
    w->laid.here = aligned_alloc(64, (size_t)(paths / OF(LANES) * (longest + 1) + 64) * sizeof(OF(mask)) & ~(size_t)63);
    return w->laid.level && w->laid.survival && w->laid.rival && w->laid.here;
}

/* What is laid of the paths from `path` on, a multiple of TILE_STEP, up to the next multiple of LAID. */
INLINE FN(laid) FN(laid_at)(const FN(whole) *w, int64_t periods, int64_t path) {
    const int64_t within = path % FN(LAID), begin = (path - within) * periods;
    const FN(laid) *laid = &w->laid;
    return (FN(laid)){laid->level + begin + within, laid->survival + path, laid->rival + path, laid->here + (begin + within) / OF(LANES)};
}
