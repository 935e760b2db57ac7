"""The one table of numeric constants.

`setup.py` executes this file and writes `ext/constants.h` from it, so that C, Numba and Python never hold a number twice.
Upper-case names only: integers and floats become macros, tuples become `static const double` arrays.

Polynomial coefficients are interpolants at Chebyshev nodes computed with mpmath (50 digits) and rounded once; the function and interval
stand beside each, with the greatest error of the polynomial itself, relative to the function it serves (docs/numerics.md §6).
"""

NUMERICS_VERSION = 2

# Times: a comparison x > y means x > y + TIME_EPSILON (model.md, head).
TIME_EPSILON = 1e-9
DAYS_PER_YEAR = 365.25
MAX_HORIZON_YEARS = 100
MAX_STEPS_PER_YEAR = 366
DEFAULT_INDEFINITE_LIFE = 20.0  # years before the terminal value, model.md §4
MAX_PATHS = 1_000_000_000

# Random streams, numerics.md §1.
PURPOSE_PATH = 1
PURPOSE_LEVEL = 2
PURPOSE_FACTOR = 3
PURPOSE_BORROWER = 7  # numerics.md §19
PURPOSE_CALL = 8  # numerics.md §19

# What is drawn of each path, a bit of `redrawn` each; what is drawn anew takes its words from the purpose that is so much higher. numerics.md §18.
STREAM_SURVIVAL, STREAM_RIVAL, STREAM_LEVEL, STREAM_ROYALTY, STREAM_SHOCKS, STREAM_FACTOR, STREAM_MARGIN, STREAM_REVENUE, STREAM_PREMIUM = range(9)
STREAMS = 9
PURPOSE_ANEW = 8

# ARS-5: Weyl increments of its round keys, low and high 64 bits. Salmon et al. (2011), Random123.
ARS_WEYL = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)
ARS_ROUNDS = 5


def _aes_sbox() -> tuple[int, ...]:
    """FIPS 197 §5.1.1: the inverse in GF(2⁸) modulo x⁸ + x⁴ + x³ + x + 1, then an affine map of its bits."""
    powers, x = [], 1
    for _ in range(255):
        powers.append(x)
        x ^= (x << 1) ^ (0x11B if x & 0x80 else 0)  # times 3, which generates all but 0
    inverses = [0, *(powers[-powers.index(x) % 255] for x in range(1, 256))]
    twice = [inverse * 0x101 for inverse in inverses]  # a rotation is a shift of it
    return tuple(0x63 ^ (two ^ two >> 4 ^ two >> 5 ^ two >> 6 ^ two >> 7) & 0xFF for two in twice)


def _aes_columns(sbox: tuple[int, ...]) -> tuple[int, ...]:
    """What MixColumns (FIPS 197 §5.1.3) makes of a column with one byte S(x) at its top: 2S, S, S, 3S from the lowest byte up."""
    doubled = [(s << 1) ^ (0x11B if s & 0x80 else 0) for s in sbox]
    return tuple(d | s << 8 | s << 16 | (d ^ s) << 24 for s, d in zip(sbox, doubled, strict=True))


# A round of AES as look-ups, for processors without the instruction.
AES_SBOX = _aes_sbox()
AES_COLUMNS = _aes_columns(AES_SBOX)

# Sobol' points, numerics.md §11-§13.
PURPOSE_SCRAMBLE = 4
PURPOSE_SHIFT = 5
PURPOSE_PAIRING = 6
REPLICATES = 16
SOBOL_DIMENSIONS = 1024  # of data/sobol.txt; words beyond are random, but for the three that follow
SOBOL_BITS = 32
SOBOL_DIGIT_BITS = 6  # of an index that one look-up takes
DIMENSION_SURVIVAL, DIMENSION_RIVAL, DIMENSION_LEVEL, DIMENSION_ROYALTY, DIMENSION_SHOCKS = range(5)

# Uncertain inputs, numerics.md §17: royalty_rate, margin, revenue, discount_premium. Under sobol the first reads the royalty's dimension, the
# others those after the table of paths.
INPUTS = 4
INPUT_ROYALTY, INPUT_MARGIN, INPUT_REVENUE, INPUT_PREMIUM = range(4)
DRAWN_NOT, DRAWN_TRIANGULAR, DRAWN_PERT, DRAWN_UNIFORM, DRAWN_LOGNORMAL, DRAWN_QUANTILES = range(6)
PERT_STEPS = 4  # cells of the table of the beta's quantiles to one unit of z
PERT_CELLS = 52
PERT_REACH = 6.5  # PERT_CELLS / PERT_STEPS / 2
PERT_NEWTON = 6
PERT_TERMS = 64
PAIRING_ROUNDS = 8
BRIDGE_YEARS = 8
BRIDGE_MAX_PERIODS = 96

# XXH64 primes: xxHash specification, "XXH64 algorithm description".
XXH64_P1 = 0x9E3779B185EBCA87
XXH64_P2 = 0xC2B2AE3D27D4EB4F
XXH64_P3 = 0x165667B19E3779F9
XXH64_P4 = 0x85EBCA77C2B2AE63
XXH64_P5 = 0x27D4EB2F165667C5

# Totals: fixed point of 10^-6 of the market's currency; one path value may have at most 2^85 units, one value 1,000 times that, so that
# 2^31 rows cannot overflow 127 bits (numerics.md §8).
MONEY_SCALE = 1_000_000
MONEY_LIMIT = 2.0**85 / 1e6
GREATEST_FACTOR = 1000.0  # of tax amortisation benefit and of premise, together

# The weights of several methods add up to 1 within this.
WEIGHT_TOLERANCE = 1e-9

# A row is marked heavy_tail beyond this total variance of ln X (model.md §11.11).
HEAVY_TAIL_VARIANCE = 2.0

# Correlation matrices (numerics.md §4).
PIVOT_ZERO = 1e-12
PIVOT_NEGATIVE = -1e-9
COLUMN_ZERO = 1e-6
SYMMETRY_TOLERANCE = 1e-12

# Renewal boundary (numerics.md §9).
GRID_NODES_PER_SIGMA = 6
GRID_SIGMAS = 6.0  # standard deviations of ln L on either side
GRID_MAX_NODES = 4096
GRID_MIN_NODES = 129
GRID_MIN_SPAN = 66  # nodes of any period: at least a tile of the convolution
WEIGHT_SIGMAS = 5.5
GRID_LIMIT = 600.0  # |ln L| on the grid and its padding stays well within the range of exp

# Value curves (numerics.md §19): the bits of a level's mantissa that its cell is found by.
CURVE_BITS = 6

# Paths simulated between two looks at the stop flag: a tile of the C kernel, which assets pass in batches that stay in the cache with their
# values (TILE_STEP: whole vectors of every instruction set), and a block of Numba's and of the exact sums.
TILE_PATHS = 1024
TILE_STEP = 64
TILE_BYTES = 256 * 1024
BATCH_BYTES = 4 * 1024 * 1024
BLOCK_PATHS = 512
LAID_PATHS = 128  # whose levels, made once for all versions of an asset, stay in the first-level cache
FACTOR_TABLE_BYTES = 64 * 1024 * 1024
UNITS_BYTES = 32 * 1024 * 1024  # of path sums by group that are held in 64 bits before they go into the exact ones
WHOLE_BYTES = 8 * 1024 * 1024  # of the levels of one asset that are laid down for all paths before its versions are walked

# Batch means (numerics.md §20): the lots that random paths are dealt into; under sobol they are the replicates.
LOTS = 256

# Assets with more paths than this are made in ranges of it, which threads share; under sobol sums are made by range. A multiple of REPLICATES.
RANGE_PATHS = 1 << 20

# ln 2 split for exact reduction, its first part short enough that small multiples are exact; 1/ln 2; π.
LN2_HI_F64 = 0.6931471803691238
LN2_LO_F64 = 1.9082149292705877e-10
LN2_HI_F32 = 0.693145751953125
LN2_LO_F32 = 1.428606765330187e-06
LOG2_E = 1.4426950408889634
PI = 3.141592653589793

# (e^r − 1 − r)/r² on |r| ≤ ½ ln 2: 1.3e-17.
EXP_F64 = (
    0.5000000000000001, 0.16666666666666669, 0.041666666666623824, 0.008333333333330039, 0.0013888888917367081,
    0.00019841269863171557, 2.4801521057868204e-05, 2.7557268276905696e-06, 2.7620201591031547e-07, 2.5100472505694996e-08,
)  # fmt: skip

# (2^r − 1)/r on |r| ≤ ½: 3.9e-9 and 8.5e-20.
EXP2_F32 = (
    0.6931471824645996, 0.24022650718688965, 0.055503569543361664, 0.009618082083761692, 0.0013390978565439582, 0.00015453262312803417,
)  # fmt: skip
EXP2_F64 = (
    0.6931471805599453, 0.24022650695910072, 0.055504108664821625, 0.00961812910762848, 0.0013333558146406295, 0.00015403530393370645,
    1.5252733841782436e-05, 1.321548680881726e-06, 1.01780569717918e-07, 7.054897246767236e-09, 4.4558384999982015e-10,
    2.5729426100386435e-11,
)  # fmt: skip

# (ln(1+f) − f + ½f²)/f³ on √½ − 1 ≤ f ≤ √2 − 1: 1.3e-8.
LOG_F32 = (
    0.3333333134651184, -0.25000306963920593, 0.20001044869422913, -0.166412815451622, 0.14214496314525604,
    -0.12998183071613312, 0.12622319161891937, -0.0790274366736412,
)  # fmt: skip
# (ln((1+s)/(1−s))/s − 2)/s² in powers of s², |s| ≤ (√2 − 1)/(√2 + 1): 6.2e-20.
LOG_F64 = (
    0.6666666666666666, 0.40000000000000885, 0.28571428570799784, 0.22222222392581045, 0.18181795547521137,
    0.15386244737621665, 0.13268638369266825, 0.13088034850927555,
)  # fmt: skip

# (sin φ/φ − 1)/φ² and (cos φ − 1 + ½φ²)/φ⁴ in powers of φ², |φ| ≤ π/2: 1.7e-8, 3.6e-9; 8.3e-19, 1.0e-19.
SIN_F32 = (-0.1666666567325592, 0.008333242498338223, -0.00019822735339403152, 2.634744532770128e-06)
COS_F32 = (0.0416666679084301, -0.0013888812391087413, 2.4786078938632272e-05, -2.654596755746752e-07)
SIN_F64 = (
    -0.16666666666666666, 0.008333333333333316, -0.00019841269841254966, 2.7557319219160833e-06, -2.505210761669045e-08,
    1.6058977292642743e-10, -7.643969663988074e-13, 2.7314368769379893e-15,
)  # fmt: skip
COS_F64 = (
    0.041666666666666664, -0.001388888888888888, 2.4801587301579848e-05, -2.755731922156836e-07, 2.0876756602722215e-09,
    -1.1470712262813793e-11, 4.77787760803859e-14, -1.5218598818596388e-16,
)  # fmt: skip

# (z + 4)/4·e^(z²/2)·P(Z > z), Z a standard normal, in powers of 10/(z + 4) − 1.5, 0 ≤ z ≤ 16: 1.8e-16.
TAIL_F64 = (
    0.22348523349194432, 0.15742396888923513, 0.08224876498213755, 0.030362973595464082, 0.00669863940770979,
    0.00017201810736260475, -0.00035808008771101406, -5.789660143075673e-05, 2.106800385276051e-05, 5.27848088659369e-06,
    -1.7612301906834637e-06, -3.984239941925706e-07, 1.9054813826255506e-07, 1.9794545371992373e-08, -2.1633901642672916e-08,
    1.1029294543169002e-09, 2.1142799688383753e-09, -4.6408374032729156e-10, -1.2924213077756212e-10, 5.2068251751250686e-11,
)  # fmt: skip

# The inverse of the standard normal distribution (numerics.md §12): z/y as the ratio of two polynomials in v = −ln(1 − y²), y = 2u − 1,
# fitted by Lawson's iteration for the least greatest relative error on 0 ≤ v ≤ 21.49, which is u of 32 bits: 1.1e-7 and 9.5e-17.
NORMAL_ABOVE_F32 = (1.2533142566680908, 0.4523615539073944, 0.08981867134571075, 0.011872751638293266, 0.000999082694761455, 2.9286020435392857e-05)
NORMAL_BELOW_F32 = (1.0, 0.09913566708564758, 0.032668501138687134, 0.00227889115922153, 0.00016975564358290285, 1.0083934967042296e-06)
NORMAL_ABOVE_F64 = (
    1.2533141373155003, 0.604928354170705, 0.1761675582540113, 0.037805357412089846, 0.006104952959278571, 0.0007727280011139807,
    7.731642366790466e-05, 6.063025719563738e-06, 3.697810107296388e-07, 1.7547194716719162e-08, 6.27931809892258e-10,
    7.970635531532758e-12, 2.163187776116782e-13, 4.541933879705045e-16,
)  # fmt: skip
NORMAL_BELOW_F64 = (
    1.0, 0.2208636063855544, 0.06970738095651649, 0.011671538702950889, 0.0016334473482968559, 0.00019979420498640626,
    1.502521761325631e-05, 1.263399318852425e-06, 5.257050506628165e-08, 2.9435847204235237e-09, 4.596234569667156e-11,
    1.1215040617212435e-12, 1.1026262246278191e-14,
)  # fmt: skip

# Quantiles a run may ask for.
MAX_QUANTILES = 99

# What the kernels call their columns: rows of the drivers' array, in the order of DRIVER_LIST in ext/vectors.h (held by a test), and the
# columns of the statistics' array before the quantiles, in that of STAT_ in ext/simulate.h.
DRIVERS = (
    "life", "rate", "revenue", "revenue_share", "tax_rate", "discount_premium", "growth", "growth_long", "growth_fade",
    "launch_lag", "ramp_years", "grant_lag", "grant_probability", "obsolescence", "fx", "annual_cost", "cost_inflation",
    "fee_inflation", "fee_age", "fee_start", "hazard", "survival_age", "salvage", "entry_hazard", "minimum_guarantee", "cap", "tab_years",
    "premise_discount", "time_to_sell",
)  # fmt: skip
STATISTICS = ("mean", "standard_deviation", "expected_shortfall", "probability_of_loss", "expected_life")
