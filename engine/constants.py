"""The one table of numeric constants.

`setup.py` executes this file and writes `ext/constants.h` from it, so that C, Numba and Python never hold a number twice.
Upper-case names only: integers and floats become macros, tuples become `static const double` arrays.

Polynomial coefficients are interpolants at Chebyshev nodes computed with mpmath (50 digits) and rounded once; the function and interval
stand beside each, with the greatest error of the polynomial itself, relative to the function it serves (docs/numerics.md §6).
"""

NUMERICS_VERSION = 1

# Times: a comparison x > y means x > y + TIME_EPSILON (model.md, head).
TIME_EPSILON = 1e-9
DAYS_PER_YEAR = 365.25
MAX_HORIZON_YEARS = 100
MAX_STEPS_PER_YEAR = 366
DEFAULT_INDEFINITE_LIFE = 20.0  # years before the terminal value, model.md §4
MAX_PATHS = 1_000_000_000
MAX_BLOCKS = 1 << 28  # blocks of a random stream, numerics.md §1

# Random streams, numerics.md §1.
PURPOSE_PATH = 1
PURPOSE_LEVEL = 2
PURPOSE_FACTOR = 3

# Philox4x32 multipliers and Weyl increments: Salmon et al. (2011), Random123.
PHILOX_M0 = 0xD2511F53
PHILOX_M1 = 0xCD9E8D57
PHILOX_W0 = 0x9E3779B9
PHILOX_W1 = 0xBB67AE85

# XXH64 primes: xxHash specification, "XXH64 algorithm description".
XXH64_P1 = 0x9E3779B185EBCA87
XXH64_P2 = 0xC2B2AE3D27D4EB4F
XXH64_P3 = 0x165667B19E3779F9
XXH64_P4 = 0x85EBCA77C2B2AE63
XXH64_P5 = 0x27D4EB2F165667C5

# Totals: fixed point of 10^-6 of the market's currency; one row may add at most 2^95 units (numerics.md §8).
MONEY_SCALE = 1_000_000
MONEY_LIMIT = 2.0**95 / 1e6

# A row is marked heavy_tail beyond this total variance of ln X (model.md §11.11).
HEAVY_TAIL_VARIANCE = 2.0

# Correlation matrices (numerics.md §4).
PIVOT_ZERO = 1e-12
PIVOT_NEGATIVE = -1e-9
COLUMN_ZERO = 1e-6
SYMMETRY_TOLERANCE = 1e-12

# Renewal boundary (numerics.md §9).
GRID_NODES_PER_SIGMA = 10
GRID_SIGMAS = 7.0  # standard deviations of ln L on either side
GRID_MAX_NODES = 4096
GRID_MIN_NODES = 129
WEIGHT_SIGMAS = 8.5

# Paths simulated between two looks at the stop flag, and the block that stays in the first-level cache.
BLOCK_PATHS = 512
FACTOR_TABLE_BYTES = 64 * 1024 * 1024

# ln 2 split for exact reduction; 1/ln 2; 2π.
LN2_HI_F64 = 0.6931471803691238
LN2_LO_F64 = 1.9082149292705877e-10
LN2_HI_F32 = 0.693145751953125
LN2_LO_F32 = 1.428606765330187e-06
LOG2_E = 1.4426950408889634
TWO_PI = 6.283185307179586
SQRT_HALF = 0.7071067811865476
SQRT_TWO_PI = 2.5066282746310002

# (e^r − 1 − r)/r² on |r| ≤ ½ ln 2: 7.9e-9 and 1.3e-17.
EXP_F32 = (0.5, 0.16666576266288757, 0.04166655242443085, 0.00836323294788599, 0.0013926250394433737)
EXP_F64 = (
    0.5000000000000001, 0.16666666666666669, 0.041666666666623824, 0.008333333333330039, 0.0013888888917367081,
    0.00019841269863171557, 2.4801521057868204e-05, 2.7557268276905696e-06, 2.7620201591031547e-07, 2.5100472505694996e-08,
)  # fmt: skip

# (ln(1+f) − f + ½f²)/f³ on √½ − 1 ≤ f ≤ √2 − 1: 2.0e-9.
LOG_F32 = (
    0.3333333134651184, -0.2499999701976776, 0.20000715553760529, -0.1666780263185501, 0.14249058067798615,
    -0.12425687164068222, 0.11685419827699661, -0.11479733884334564, 0.06971611827611923,
)  # fmt: skip
# (ln((1+s)/(1−s))/s − 2)/s² in powers of s², |s| ≤ (√2 − 1)/(√2 + 1): 6.2e-20.
LOG_F64 = (
    0.6666666666666666, 0.40000000000000885, 0.28571428570799784, 0.22222222392581045, 0.18181795547521137,
    0.15386244737621665, 0.13268638369266825, 0.13088034850927555,
)  # fmt: skip

# (sin φ/φ − 1)/φ² and (cos φ − 1 + ½φ²)/φ⁴ in powers of φ², |φ| ≤ π/4: 1.2e-8, 7.7e-10; 1.3e-17, 4.9e-19.
SIN_F32 = (-0.166666641831398, 0.008332747034728527, -0.00019587638962548226)
COS_F32 = (0.0416666641831398, -0.0013888301327824593, 2.4547689463361166e-05)
SIN_F64 = (
    -0.16666666666666666, 0.008333333333330936, -0.00019841269836740532, 2.7557316093198404e-06, -2.5051129896450185e-08,
    1.5917988979397435e-10,
)  # fmt: skip
COS_F64 = (
    0.041666666666666664, -0.0013888888888887389, 2.48015872987544e-05, -2.755731726587808e-07, 2.087614504941318e-09,
    -1.138254464534925e-11,
)  # fmt: skip

# Quantiles a run may ask for.
MAX_QUANTILES = 99
