"""The slow definition: model.md sections 2 to 8 and docs/numerics.md in plain float64 NumPy.

Written from the specification alone and independent of the package: it imports nothing of `ipvalue`, and it uses
other algorithms where the specification leaves the algorithm free (the renewal boundary). One asset at a time, loops
over periods, arrays over paths. It is meant to be read beside the formulas; speed does not matter here.

    columns --vectors()--> Vectors --boundary()--> (b0, b1) --simulate()--> Paths --statistics()--> numbers

Shapes: t = periods, p = paths. Per-period arrays are (t,) and hold period t at index t - 1. Money in `Vectors` and
`Paths` is present-value money of the market's currency, times are years from the valuation date, rates are annual
decimals.

The asset is a plain dict of portfolio columns, blanks (missing or None) already filled from the assumptions; what is
still blank takes the neutral value of section 4. Dates are `datetime.date`. Fee schedules and survival curves are
dicts, looked up by the name that the asset gives; `every` (years) and `before_grant` may be absent:

    {"currency": "CNY", "anchor": "filing" | "grant", "due": [...], "amounts": [...], "every": 10, "before_grant": True}
    {"anchor": "filing" | "grant", "ages": [...], "surviving": [...]}

Where the specification is silent the reading taken here is marked "Reading:".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any

import numpy as np
import oracle_inputs
from numpy.typing import NDArray
from oracle_matrix import cholesky
from scipy import special

Array = NDArray[Any]
Asset = Mapping[str, Any]
Tables = Mapping[str, Mapping[str, Any]]

TIME_TOLERANCE = 1e-9
DAYS_PER_YEAR = 365.25
LONGEST_HORIZON = 100
INDEFINITE_LIFE = 20.0
MONEY_RESOLUTION = 10**6  # units of the totals' fixed point in one unit of money
LARGEST_TOTAL = 2**85  # of those units, per row and path

INCOME_METHODS = ("relief_from_royalty", "licence", "excess_earnings", "incremental_income", "project")
RENEWABLE = ("trademark", "geographical_indication")

PURPOSE_PATH, PURPOSE_LEVEL, PURPOSE_FACTOR = 1, 2, 3
ANEW = 8  # added to the purpose of what is drawn anew (numerics.md section 18)
DRAWN = ("royalty_rate", "margin", "revenue", "discount_premium")
INPUTS = ("survival", "rival", "level", *DRAWN, "own_shocks", "sector_factor")


class Rejected(Exception):
    """The model refuses this row; `rule` says which rule it broke."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


# ----------------------------------------------------------------------------------------------------------------------
# Times (section 2)


def later(x: Any, y: Any) -> Any:
    """x > y for times: x > y + 1e-9. Numbers or arrays."""
    return x > y + TIME_TOLERANCE


def ceil_time(x: float) -> int:
    """Smallest whole number not below x, 1e-9 forgiven."""
    return math.ceil(x - TIME_TOLERANCE)


def years_after(when: date, valuation_date: date) -> float:
    """Years from the valuation date to `when` (negative in the past): days / 365.25."""
    return (when - valuation_date).days / DAYS_PER_YEAR


# ----------------------------------------------------------------------------------------------------------------------
# The market


@dataclass(frozen=True)
class Market:
    """What market.toml says.

    curves: currency -> (tenors, annual-effective zero rates); fx: one unit of the currency in the market's currency.
    """

    currency: str = "CNY"
    valuation_date: date = date(2026, 1, 1)
    steps_per_year: int = 1
    mid_period: bool = True
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]] = field(default_factory=dict)
    fx: Mapping[str, float] = field(default_factory=dict)
    factors: Sequence[str] = ()
    correlation: Sequence[Sequence[float]] | None = None

    def fx_rate(self, currency: str) -> float:
        if currency == self.currency:
            return 1.0
        if currency not in self.fx:
            raise Rejected(f"currency: no fx rate for {currency}")
        return float(self.fx[currency])

    def spot(self, currency: str, u: float) -> float:
        """Zero rate, linear between tenors and flat outside."""
        if currency not in self.curves:
            raise Rejected(f"currency: no curve for {currency}")
        tenors, rates = self.curves[currency]
        return float(np.interp(u, tenors, rates))


def column(asset: Asset, name: str, neutral: Any) -> Any:
    """The asset's value of a column, or the neutral value where it is blank."""
    value = asset.get(name)
    return neutral if value is None else value


def currency_of(asset: Asset, market: Market) -> str:
    """Reading: an asset without a currency is in the market's."""
    return str(column(asset, "currency", market.currency))


def discount_rate(asset: Asset, market: Market, u: float) -> float:
    """k(u) = spot(u) + discount_premium."""
    return market.spot(currency_of(asset, market), u) + float(column(asset, "discount_premium", 0.0))


def discount_factor(asset: Asset, market: Market, u: float) -> float:
    """DF(u) = (1 + k(u))^(-u)."""
    k = discount_rate(asset, market, u)
    if not 1 + k > 0:
        raise Rejected("discount_premium: discount rate at or below -1")
    return float((1 + k) ** -u)


# ----------------------------------------------------------------------------------------------------------------------
# Random words (numerics.md section 1)

MASK32 = (1 << 32) - 1
MASK64 = (1 << 64) - 1


def aes_sbox() -> Array:
    """The substitution of FIPS 197 section 5.1.1: the inverse modulo x^8 + x^4 + x^3 + x + 1, then an affine map of its bits. (256,) uint8."""

    def product(a: int, b: int) -> int:
        out = 0
        for bit in range(8):
            out ^= (a << bit) * (b >> bit & 1)
        for bit in range(14, 7, -1):
            out ^= (0x11B << (bit - 8)) * (out >> bit & 1)
        return out

    box = np.empty(256, np.uint8)
    for x in range(256):
        inverse = next((y for y in range(1, 256) if product(x, y) == 1), 0)
        bits = [(inverse >> i & 1) for i in range(8)]
        box[x] = 0x63 ^ sum((bits[i] ^ bits[(i + 4) % 8] ^ bits[(i + 5) % 8] ^ bits[(i + 6) % 8] ^ bits[(i + 7) % 8]) << i for i in range(8))
    return box


AES_SBOX = aes_sbox()


def aes_round(state: Array, key: Array, last: bool) -> Array:
    """One round of AES (FIPS 197 section 5.1) on states (..., 16) uint8, byte r + 4 c in row r and column c; the last mixes no columns."""
    rows = AES_SBOX[state].reshape(*state.shape[:-1], 4, 4)  # (..., column, row)
    rows = np.stack([np.roll(rows[..., r], -r, axis=-1) for r in range(4)], axis=-1)
    if not last:
        doubled = (rows << 1) ^ np.where(rows >= 128, 0x1B, 0).astype(np.uint8)
        following = np.roll(rows, -1, axis=-1)
        rows = doubled ^ np.roll(doubled, -1, axis=-1) ^ following ^ np.roll(rows, -2, axis=-1) ^ np.roll(rows, -3, axis=-1)
    out: Array = rows.reshape(state.shape) ^ key
    return out


def ars(counter: Array, key: Sequence[int], rounds: int) -> Array:
    """ARS (Salmon, Moraes, Dror, Shaw, SC 2011): counter (..., 4), key (4), all 32-bit words -> (..., 4) uint32.

    AES whose round keys are the key and its sums with a constant, in two halves of 64 bits.
    """
    low, high = int(key[0]) + (int(key[1]) << 32), int(key[2]) + (int(key[3]) << 32)

    def round_key(i: int) -> Array:
        halves = ((low + i * 0x9E3779B97F4A7C15) & MASK64, (high + i * 0xBB67AE8584CAA73B) & MASK64)
        return np.frombuffer(b"".join(half.to_bytes(8, "little") for half in halves), np.uint8)

    state = np.ascontiguousarray(counter, dtype="<u4").view(np.uint8) ^ round_key(0)
    for i in range(1, rounds + 1):
        state = aes_round(state, round_key(i), i == rounds)
    return np.ascontiguousarray(state).view("<u4").astype(np.uint32)


def xxh64(data: bytes) -> int:
    """XXH64 with seed 0 (Collet, the xxHash specification)."""
    prime1, prime2, prime3 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
    prime4, prime5 = 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5

    def rotate(x: int, bits: int) -> int:
        return ((x << bits) | (x >> (64 - bits))) & MASK64

    def mix(accumulator: int, lane: int) -> int:
        return (rotate((accumulator + lane * prime2) & MASK64, 31) * prime1) & MASK64

    def lane(at: int, size: int) -> int:
        return int.from_bytes(data[at : at + size], "little")

    length, at = len(data), 0
    if length >= 32:
        accumulators = [(prime1 + prime2) & MASK64, prime2, 0, -prime1 & MASK64]
        while at + 32 <= length:
            accumulators = [mix(a, lane(at + 8 * i, 8)) for i, a in enumerate(accumulators)]
            at += 32
        digest = sum(rotate(a, bits) for a, bits in zip(accumulators, (1, 7, 12, 18), strict=True)) & MASK64
        for a in accumulators:
            digest = ((digest ^ mix(0, a)) * prime1 + prime4) & MASK64
    else:
        digest = prime5
    digest = (digest + length) & MASK64
    while at + 8 <= length:
        digest = (rotate(digest ^ mix(0, lane(at, 8)), 27) * prime1 + prime4) & MASK64
        at += 8
    if at + 4 <= length:
        digest = (rotate(digest ^ (lane(at, 4) * prime1) & MASK64, 23) * prime2 + prime3) & MASK64
        at += 4
    while at < length:
        digest = (rotate(digest ^ (data[at] * prime5) & MASK64, 11) * prime1) & MASK64
        at += 1
    digest = ((digest ^ (digest >> 33)) * prime2) & MASK64
    digest = ((digest ^ (digest >> 29)) * prime3) & MASK64
    return digest ^ (digest >> 32)


def word(seed: int, hash: int, purpose: int, i: int, paths: Array) -> Array:
    """Word i of a stream: output word (p mod 4) of the counter (purpose 2^28 + i, p div 4, hash). (p,) uint32."""
    counter = np.empty((len(paths), 4), dtype=np.uint64)
    counter[:, 0] = purpose * 2**28 + i
    counter[:, 1] = paths // 4
    counter[:, 2] = hash % 2**32
    counter[:, 3] = hash // 2**32
    out: Array = ars(counter, (seed % 2**32, seed // 2**32, 0, 0), rounds=5)[np.arange(len(paths)), paths % 4]
    return out


def uniform(k: Array) -> Array:
    """u(k) = (k + 1/2) 2^-32, exact in double."""
    return (k.astype(np.float64) + 0.5) * 2.0**-32


def normal_pair(k1: Array, k2: Array) -> tuple[Array, Array]:
    """Two standard normals from two words (Box & Muller 1958); the top bit of k2 is the half plane, the rest the angle in it."""
    radius = np.sqrt(-2 * np.log((np.floor(k1 / 2) + 0.5) * 2.0**-31))
    doubled = (2 * k2.astype(np.int64)) % 2**32
    angle = np.pi * (doubled - np.where(doubled >= 2**31, 2**32, 0) + 1) * 2.0**-32
    sign = np.where(k2 >= 2**31, -1.0, 1.0)
    return sign * radius * np.cos(angle), radius * np.sin(angle)


def normals(seed: int, hash: int, purpose: int, first_word: int, count: int, paths: Array) -> list[Array]:
    """The first `count` normals of a stream whose pairs start at word `first_word` (0 or 2)."""
    out: list[Array] = []
    while len(out) < count:
        i = first_word + len(out)
        out.extend(normal_pair(word(seed, hash, purpose, i, paths), word(seed, hash, purpose, i + 1, paths)))
    return out[:count]


def threshold(s: float) -> int:
    """The event u < s in integers: word < threshold(s). ceil(s 2^32 - 1/2) limited to [0, 2^32]."""
    return min(max(math.ceil(s * 2.0**32 - 0.5), 0), 2**32)


def factor_normals(market: Market, sector: str, seed: int, paths: Array, periods: int, purpose: int = PURPOSE_FACTOR) -> list[Array]:
    """F_{s,t}, t = 1...periods, of one sector, each (p,): Cholesky in the order of the names' bytes."""
    order = sorted(range(len(market.factors)), key=lambda i: market.factors[i].encode())
    names = [market.factors[i] for i in order]
    matrix = np.eye(len(names)) if market.correlation is None else np.asarray(market.correlation, float)[np.ix_(order, order)]
    row = cholesky(matrix)[names.index(sector)]
    factors = [np.zeros(len(paths)) for _ in range(periods)]
    for weight, name in zip(row, names, strict=True):
        if weight != 0:
            own = normals(seed, xxh64(name.encode()), purpose, 0, periods, paths)
            factors = [f + weight * g for f, g in zip(factors, own, strict=True)]
    return factors


# ----------------------------------------------------------------------------------------------------------------------
# The vectors (section 4)


@dataclass
class Vectors:
    """What one asset is compiled to. Arrays are (t,)."""

    e: Array  # end of the period, years
    start: Array  # its start
    u: Array  # when its cash is discounted from
    delta: Array  # its length
    y: Array  # the year it lies in, 1...
    w: Array  # present value of the cash at level 1
    f: Array  # present value of costs and fees
    S: Array  # survival
    C: Array  # probability that no rival has entered
    lo: Array  # clamp on w L
    hi: Array
    salvage: Array  # present value, received on abandonment
    decision: Array  # bool: the owner may abandon here
    step: float  # the time that the level's log moves by in a period (1/m; 1 for cost and market)
    sigma: float  # volatility
    s0: float  # revenue_uncertainty
    beta: float  # factor_loading
    keep: float  # 1 - entry_loss
    m_low: float  # royalty_low / royalty_rate, 1 where no range
    m_high: float
    rate: float  # royalty or margin
    explicit_years: float | None = None  # years before the terminal value of an indefinite life, None otherwise
    inputs: Sequence[oracle_inputs.Input] = ()  # drawn from a distribution (numerics.md section 17)
    weights: Array = field(default_factory=lambda: np.eye(4))  # lower triangle of the correlations of their normals
    k: Array = field(default_factory=lambda: np.zeros(0))  # discount rate of the cash
    k_end: Array = field(default_factory=lambda: np.zeros(0))  # and at the period's end
    repeats: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)  # of w_N and of f_N: the part that repeats for ever, and its x

    @property
    def periods(self) -> int:
        return len(self.e)

    @property
    def mean_multiplier(self) -> float:
        """E[m] of the range and of all inputs, as if independent."""
        return (self.m_low + 1 + self.m_high) / 3 * math.prod(one.moments[0] for one in self.inputs if one.place != oracle_inputs.PREMIUM)

    @property
    def blended(self) -> bool:
        return oracle_inputs.blended(self.inputs, self.weights)

    @property
    def clamped(self) -> bool:
        return bool(np.any(self.lo > 0) or np.any(self.hi < np.inf))

    @property
    def optional(self) -> bool:
        return bool(self.decision.any())

    def cash(self, t: int, level: Array) -> Array:
        """cash of period index t at levels L: clamp(w L, lo, hi) - f."""
        net: Array = np.minimum(np.maximum(self.w[t] * level, self.lo[t]), self.hi[t]) - self.f[t]
        return net

    def linear(self, t: int) -> float:
        """What the control of numerics.md section 14 takes of a level of 1 in period index t."""
        return float(self.w[t])


def numbers(asset: Asset, name: str) -> list[float]:
    return [float(x) for x in column(asset, name, [])]


def rate_of(asset: Asset, method: str) -> float:
    """`rate` by method.

    Reading: a project earns margin - contributory_charge where it has a margin, else royalty_rate.
    """
    if method in ("relief_from_royalty", "licence"):
        rate = asset.get("royalty_rate")
    elif method == "excess_earnings" or (method == "project" and asset.get("margin") is not None):
        margin = asset.get("margin")
        rate = None if margin is None else margin - column(asset, "contributory_charge", 0.0)
    elif method == "incremental_income":
        rate = asset.get("margin")
    else:
        rate = asset.get("royalty_rate")
    if rate is None:
        raise Rejected("rate is required")
    if rate < 0:
        raise Rejected("rate is negative")
    return float(rate)


def royalty_range(asset: Asset, method: str) -> tuple[float, float]:
    """(low / rate, high / rate) of the triangular draw m; (1, 1) where there is none."""
    low, high = asset.get("royalty_low"), asset.get("royalty_high")
    if method not in ("relief_from_royalty", "licence") or (low is None and high is None):
        return 1.0, 1.0
    if low is None or high is None:
        raise Rejected("royalty_low and royalty_high: both or neither")
    rate = rate_of(asset, method)
    if not (rate > 0 and low <= rate <= high):
        raise Rejected("royalty_low <= royalty_rate <= royalty_high, royalty_rate > 0")
    return low / rate, high / rate


def growth_of_year(asset: Asset, j: int) -> float:
    """g_j = growth_long + (growth - growth_long) exp(-growth_fade (j - 1))."""
    growth = float(column(asset, "growth", 0.0))
    growth_long = float(column(asset, "growth_long", growth))
    return growth_long + (growth - growth_long) * math.exp(-float(column(asset, "growth_fade", 0.0)) * (j - 1))


def revenue_of_year(asset: Asset, year: int) -> float:
    """RG: expected revenue, per year, in year 1, 2, ..."""
    path = numbers(asset, "revenue_path")
    if not path and asset.get("revenue") is None:
        raise Rejected("revenue is required")
    if year <= len(path):
        return path[year - 1]
    revenue = path[-1] if path else float(asset["revenue"])
    for j in range(1, year - len(path) + 1):
        revenue *= 1 + growth_of_year(asset, j)
    return revenue


def life_of(asset: Asset, market: Market) -> float:
    """Years: `life`; else to expiry_date (not for renewable types) or the end of economic_life, whichever is first."""
    if asset.get("life") is not None:
        return float(asset["life"])
    ends = []
    if asset.get("expiry_date") is not None and asset.get("right_type") not in RENEWABLE:
        ends.append(years_after(asset["expiry_date"], market.valuation_date))
    if asset.get("economic_life") is not None:
        ends.append(float(asset["economic_life"]))
    if not ends:
        raise Rejected("life is required")
    return min(ends)


def stage_ends(asset: Asset, method: str) -> list[float]:
    """Years from now at which the stages of a project end."""
    if method != "project":
        return []
    years, costs, chances = (numbers(asset, n) for n in ("stage_years", "stage_costs", "stage_probabilities"))
    if not len(years) == len(costs) == len(chances):
        raise Rejected("stage_costs, stage_years and stage_probabilities: same length")
    return [sum(years[: i + 1]) for i in range(len(years))]


def launch_of(asset: Asset, method: str) -> float:
    """When income may start.

    Reading: launch_lag counts from the valuation date; a project's income (and its ramp) starts at the later of
    launch_lag and the end of the last stage.
    """
    return max([float(column(asset, "launch_lag", 0.0)), *stage_ends(asset, method)])


def indefinite_years(asset: Asset, method: str) -> int:
    """Whole years before the last year repeats: past life, ramp, grant and path.

    Reading: the survival before the last year holds every stage's success, as it holds the grant, or the last year would repeat it.
    """
    ramp_end = launch_of(asset, method) + float(column(asset, "ramp_years", 0.0))
    grant_lag = float(column(asset, "grant_lag", 0.0))
    pending = grant_lag > TIME_TOLERANCE or float(column(asset, "grant_probability", 1.0)) < 1
    return max(
        ceil_time(float(column(asset, "life", INDEFINITE_LIFE))),
        ceil_time(ramp_end) + 1,
        math.floor(grant_lag + TIME_TOLERANCE) + 2 if pending else 1,
        ceil_time(max(stage_ends(asset, method))) + 2 if stage_ends(asset, method) else 1,
        len(numbers(asset, "revenue_path")) + 1,
    )


def grant_time(asset: Asset, market: Market) -> float:
    """When the right is (was) granted: grant_lag from now where it is pending, else at grant_date."""
    grant_lag = float(column(asset, "grant_lag", 0.0))
    if grant_lag > 0:
        return grant_lag
    if asset.get("grant_date") is not None:
        return years_after(asset["grant_date"], market.valuation_date)
    if float(column(asset, "grant_probability", 1.0)) < 1:  # Reading: pending, decided at once
        return 0.0
    raise Rejected("grant_date is required by the schedule or curve")


def anchor_time(asset: Asset, market: Market, anchor: str) -> float:
    """Years from the valuation date to the anchor (mostly negative)."""
    if anchor == "grant":
        return grant_time(asset, market)
    if asset.get("filing_date") is None:
        raise Rejected("filing_date is required by the schedule or curve")
    return years_after(asset["filing_date"], market.valuation_date)


def named(asset: Asset, name: str, tables: Tables) -> tuple[str, Mapping[str, Any] | None]:
    """The schedule or curve that a column names ("none" and blank: None)."""
    chosen = asset.get(name)
    if chosen is None or chosen == "none":
        return "", None
    if chosen not in tables:
        raise Rejected(f"{name}: unknown")
    return str(chosen), tables[chosen]


def fee_events(asset: Asset, market: Market, schedules: Tables, horizon: float) -> list[tuple[float, float]]:
    """Official fees after now, up to the horizon: (years from now, money of that date in the market's currency)."""
    name, schedule = named(asset, "fee_schedule", schedules)
    if schedule is None:
        return []
    due, amounts = [float(x) for x in schedule["due"]], [float(x) for x in schedule["amounts"]]
    if not due:
        return []
    fx = market.fx_rate(schedule["currency"])
    inflation = float(column(asset, "fee_inflation", 0.0))
    grant_lag = float(column(asset, "grant_lag", 0.0))
    # A renewable right's first renewal falls on its expiry date, the others follow at the schedule's spacing.
    if asset.get("right_type") in RENEWABLE and asset.get("expiry_date") is not None:
        origin = years_after(asset["expiry_date"], market.valuation_date) - due[0]
        may_be_pending = False
    else:
        origin = anchor_time(asset, market, schedule["anchor"])
        may_be_pending = schedule["anchor"] == "filing" and not column(schedule, "before_grant", not name.startswith("CN/"))
    events = []
    for first, amount in zip(due, amounts, strict=True):
        every = schedule.get("every")
        for repeat in range(ceil_time(max(horizon - origin - first, 0.0) / every) + 1 if every else 1):
            time = origin + first + repeat * (every or 0.0)
            pending = may_be_pending and not later(time, grant_lag)
            if later(time, 0.0) and not later(time, horizon) and not pending:
                events.append((time, amount * (1 + inflation) ** time * fx))
    return events


def mean_fee(asset: Asset, market: Market, schedules: Tables) -> float:
    """Official fees per year, at their mean over a renewal cycle, in the market's currency and the schedule's money."""
    _, schedule = named(asset, "fee_schedule", schedules)
    if schedule is None or not schedule["due"]:
        return 0.0
    due, amounts = schedule["due"], schedule["amounts"]
    if schedule.get("every"):
        mean = sum(amounts) / schedule["every"]
    else:
        cycle = due[-1] - due[-2] if len(due) > 1 else due[0]
        mean = amounts[-1] / cycle if cycle > 0 else 0.0
    return float(mean) * market.fx_rate(schedule["currency"])


def surviving_share(curve: Mapping[str, Any], age: float) -> float:
    """T(age): 1 before age 0, linear between the ages, flat outside."""
    if later(0.0, age):
        return 1.0
    return float(np.interp(age, curve["ages"], curve["surviving"]))


def survival_of(asset: Asset, market: Market, curves: Tables) -> Callable[[float], float]:
    """The function t -> exp(-hazard t) T(age + t) / T(age)."""
    hazard = float(column(asset, "hazard", 0.0))
    _, curve = named(asset, "survival_curve", curves)
    if curve is None:
        return lambda t: math.exp(-hazard * t)
    age = -anchor_time(asset, market, curve["anchor"])
    now = surviving_share(curve, age)
    if now == 0:
        raise Rejected("survival_curve: nothing survives to the asset's age")
    return lambda t: math.exp(-hazard * t) * surviving_share(curve, age + t) / now


def check_market_side(asset: Asset, market: Market) -> None:
    """Rules that hold for every method."""
    expiry = asset.get("expiry_date")
    if expiry is not None and expiry <= market.valuation_date:
        raise Rejected("expiry_date: the right has expired")
    if column(asset, "factor_loading", 0.0) != 0 and asset.get("sector") not in market.factors:
        raise Rejected("sector: no such factor")


def simple_vectors(asset: Asset, market: Market, method: str) -> Vectors:
    """cost and market: one period of one year, whatever steps_per_year; DF = S = 1, f = 0.

    Reading: level uncertainty, rival, royalty range, salvage and renewal do not apply.
    """
    name = "replacement_cost" if method == "cost" else "comparable_price"
    if asset.get(name) is None:
        raise Rejected(f"{name} is required")
    if method == "cost":
        functional, economic = (
            column(asset, "functional_obsolescence", 0.0),
            column(asset, "economic_obsolescence", 0.0),
        )
        worth = asset[name] * (1 - functional) * (1 - economic)
    else:
        worth = asset[name] * (1 + column(asset, "comparable_adjustment", 0.0))
    one, zero = np.ones(1), np.zeros(1)
    w = one * worth * market.fx_rate(currency_of(asset, market))
    return Vectors(
        e=one, start=zero, u=one * (0.5 if market.mid_period else 1.0), delta=one, y=np.ones(1, int),
        w=w, f=zero, S=one, C=one, lo=-np.inf * one, hi=np.inf * one, salvage=zero, decision=np.zeros(1, bool),
        step=1.0, sigma=float(column(asset, "volatility", 0.0)), s0=0.0,
        beta=float(column(asset, "factor_loading", 0.0)), keep=1.0, m_low=1.0, m_high=1.0, rate=1.0,
    )  # fmt: skip


def vectors(asset: Asset, market: Market, schedules: Tables | None = None, curves: Tables | None = None) -> Vectors:
    """Compile one asset to its per-period vectors. Raises `Rejected` where the model refuses the row."""
    schedules, curves = schedules or {}, curves or {}
    asset = oracle_inputs.filled(asset)
    method = column(asset, "method", "relief_from_royalty")
    check_market_side(asset, market)
    if method in ("cost", "market"):
        return simple_vectors(asset, market, method)
    if method not in INCOME_METHODS:
        raise Rejected("method: unknown")

    tax = float(column(asset, "tax_rate", 0.0))
    share = float(column(asset, "revenue_share", 1.0))
    obsolescence = float(column(asset, "obsolescence", 0.0))
    ramp_years = float(column(asset, "ramp_years", 0.0))
    grant_lag, grant_probability = (
        float(column(asset, "grant_lag", 0.0)),
        float(column(asset, "grant_probability", 1.0)),
    )
    entry_hazard, entry_loss = float(column(asset, "entry_hazard", 0.0)), float(column(asset, "entry_loss", 0.0))
    annual_cost, cost_inflation = float(column(asset, "annual_cost", 0.0)), float(column(asset, "cost_inflation", 0.0))
    fee_inflation = float(column(asset, "fee_inflation", 0.0))
    guarantee, cap = float(column(asset, "minimum_guarantee", 0.0)), float(column(asset, "cap", np.inf))
    salvage_value = float(column(asset, "salvage", 0.0))
    indefinite = bool(column(asset, "indefinite", False))
    rate = rate_of(asset, method)
    m_low, m_high = royalty_range(asset, method)
    fx = market.fx_rate(currency_of(asset, market))
    launch = launch_of(asset, method)
    ends = stage_ends(asset, method)
    survives = survival_of(asset, market, curves)
    if indefinite and (method == "licence" or entry_hazard > 0):
        raise Rejected("indefinite: not with licence or entry_hazard")
    if method == "licence" and guarantee > cap:
        raise Rejected("minimum_guarantee above cap")

    life = float(indefinite_years(asset, method)) if indefinite else life_of(asset, market)
    if not 0 < life <= LONGEST_HORIZON:
        raise Rejected("life: above 0 and at most 100 years")
    steps = market.steps_per_year
    periods = max(ceil_time(life * steps), 1)
    pending = grant_probability < 1 or grant_lag > 0
    try:
        uncertain: dict[str, Any] = {"inputs": oracle_inputs.inputs_of(asset, method), "weights": oracle_inputs.triangle(asset)}
    except oracle_inputs.Refused as refused:
        raise Rejected(str(refused)) from None
    if asset.get("royalty_rate_distribution") is not None and m_low != m_high:
        raise Rejected("royalty_rate: a range or a distribution")
    fees = fee_events(asset, market, schedules, life)

    def blank() -> Array:
        return np.zeros(periods)

    v = Vectors(
        e=blank(), start=blank(), u=blank(), delta=blank(), y=np.zeros(periods, int),
        w=blank(), f=blank(), S=blank(), C=blank(), lo=blank(), hi=blank(), salvage=blank(),
        decision=np.zeros(periods, bool), step=1 / steps,
        sigma=float(column(asset, "volatility", 0.0)), s0=float(column(asset, "revenue_uncertainty", 0.0)),
        beta=float(column(asset, "factor_loading", 0.0)), keep=1 - entry_loss, m_low=m_low, m_high=m_high, rate=rate,
        explicit_years=life if indefinite else None, k=blank(), k_end=blank(), **uncertain,
    )  # fmt: skip
    running_cost = np.zeros(periods)  # the part of f that annual_cost makes
    df = np.zeros(periods)
    previous_survival = 1.0
    for t in range(periods):
        start, e = t / steps, min((t + 1) / steps, life)
        u = (start + e) / 2 if market.mid_period else e
        year = ceil_time(e)
        v.start[t], v.e[t], v.u[t], v.delta[t], v.y[t] = start, e, u, e - start, year
        df[t] = discount_factor(asset, market, u)
        v.k[t], v.k_end[t] = discount_rate(asset, market, u), discount_rate(asset, market, e)

        # What sells.
        if not later(e, launch):
            ramp = 0.0
        else:
            ramp = min(1.0, (e - launch) / ramp_years) if ramp_years > 0 else 1.0
        granted = bool(later(e, grant_lag))
        sells = ramp > 0 and (granted or not pending)
        if ends:
            sells = sells and not later(ends[-1], start)

        earning = rate * revenue_of_year(asset, year) * share * v.delta[t] * math.exp(-obsolescence * e) * ramp * sells
        v.w[t] = df[t] * (1 - tax) * earning * fx
        v.lo[t], v.hi[t] = -np.inf, np.inf
        if method == "licence":
            v.lo[t] = df[t] * (1 - tax) * guarantee * v.delta[t] * fx if sells else 0.0
            v.hi[t] = df[t] * (1 - tax) * cap * v.delta[t] * fx if sells else np.inf

        # What it costs. Reading: a stage's cost is money of its date, without inflation, discounted and taxed as the
        # rest of f.
        running_cost[t] = df[t] * (1 - tax) * annual_cost * v.delta[t] * (1 + cost_inflation) ** u * fx
        official = sum(amount for due, amount in fees if later(due, start) and not later(due, e))
        staged = 0.0
        for begin, cost in zip([0.0, *ends[:-1]] if ends else [], numbers(asset, "stage_costs") if ends else [], strict=True):
            if not later(start, begin) and later(e, begin):
                staged += cost
        v.f[t] = running_cost[t] + df[t] * (1 - tax) * (official + staged * fx)

        # How long it lives.
        survival = (grant_probability if granted else 1.0) * survives(e)
        for end, chance in zip(ends, numbers(asset, "stage_probabilities") if ends else [], strict=True):
            if not later(end, start):
                survival *= chance
        v.S[t] = previous_survival = min(survival, previous_survival)
        v.C[t] = math.exp(-entry_hazard * e)
        v.salvage[t] = discount_factor(asset, market, e) * salvage_value * fx

    if indefinite and v.S[-1] > 0:
        last = slice(periods - steps, periods)
        survival_before = v.S[periods - steps - 1] if periods > steps else 1.0
        q_s = v.S[-1] / survival_before
        k = discount_rate(asset, market, v.u[-1])
        g = growth_of_year(asset, int(life) - len(numbers(asset, "revenue_path")))
        x = (1 + g) * q_s * math.exp(-obsolescence) / (1 + k)
        x_f = (1 + cost_inflation) * q_s / (1 + k)
        weight = v.S[last] / v.S[-1]
        mean = mean_fee(asset, market, schedules)
        official_mean = df[last] * (1 - tax) * mean * (1 + fee_inflation) ** v.u[last] * v.delta[last]
        income, cost = np.sum(v.w[last] * weight), np.sum((running_cost[last] + official_mean) * weight)
        # Nothing to repeat cannot grow too fast.
        if (income > 0 and x >= 1) or (cost > 0 and x_f >= 1):
            raise Rejected("indefinite: growth at or above the discount rate")
        more_w = x / (1 - x) * income if income > 0 else 0.0
        more_f = x_f / (1 - x_f) * cost if cost > 0 else 0.0
        v.w[-1], v.f[-1] = v.w[-1] + more_w, v.f[-1] + more_f
        v.repeats = (more_w, x if more_w > 0 else 0.0, more_f, x_f if more_f > 0 else 0.0)

    if column(asset, "renewal", "always") == "optimal":
        v.decision = (v.f > 0) | (v.salvage > 0)
    return v


# ----------------------------------------------------------------------------------------------------------------------
# Closed form (section 6), tax amortisation benefit and premise (section 7)


def closed_form(v: Vectors, asset: Asset | None = None) -> float | None:
    """E[V], or None where something is clamped or optional."""
    if v.clamped or v.optional or v.blended:
        return None
    mean_m = v.mean_multiplier
    return float(np.sum(v.S * (v.w * mean_m * (v.C + (1 - v.C) * v.keep) - v.f)))


def closed_form_variance(v: Vectors, asset: Asset | None = None) -> float | None:
    """Var[V] by the second moments, or None where there is no closed form.

    E[V^2] = sum_{s,t} S_max(s,t) E[(w_s L_s - f_s)(w_t L_t - f_t)], where for s <= t
    E[L_s L_t] = E[m^2] exp(s0^2) exp(sigma^2 step s) (C_t + (C_s - C_t) keep + (1 - C_s) keep^2).
    """
    mean = closed_form(v)
    if mean is None:
        return None
    low, high = v.m_low, v.m_high
    mean_m = (low + 1 + high) / 3
    mean_m2 = mean_m**2 + (low**2 + 1 + high**2 - low - high - low * high) / 18
    mean_m, mean_m2 = v.mean_multiplier, mean_m2 * math.prod(one.moments[1] for one in v.inputs)
    mean_c = v.C + (1 - v.C) * v.keep
    second = 0.0
    for t in range(v.periods):
        for s in range(t + 1):
            cc = v.C[t] + (v.C[s] - v.C[t]) * v.keep + (1 - v.C[s]) * v.keep**2
            ll = mean_m2 * math.exp(v.s0**2 + v.sigma**2 * v.step * (s + 1)) * cc
            product = v.w[s] * v.w[t] * ll - mean_m * (v.w[s] * mean_c[s] * v.f[t] + v.w[t] * mean_c[t] * v.f[s]) + v.f[s] * v.f[t]
            second += v.S[t] * product * (1 if s == t else 2)
    return float(second - mean**2)


def tab_factor(asset: Asset, market: Market) -> float:
    """1 / (1 - tax_rate/n sum_j DF(j - 1/2)), DF(j) without mid_period; 1 for cost and market and without tab_years."""
    asset = oracle_inputs.filled(asset)
    n = int(column(asset, "tab_years", 0))
    tax = float(column(asset, "tax_rate", 0.0))
    if n == 0 or column(asset, "method", "relief_from_royalty") not in INCOME_METHODS:
        return 1.0
    shift = 0.5 if market.mid_period else 0.0
    relief = tax / n * sum(discount_factor(asset, market, j - shift) for j in range(1, n + 1))
    if relief >= 1:
        raise Rejected("tab_years: tax relief at or above the asset's value")
    return 1 / (1 - relief)


def premise_factor(asset: Asset, market: Market, premise: tuple[float, float] | None) -> float:
    """(1 - discount) DF(time to sell) for orderly and forced sales; 1 for a going concern (None)."""
    if premise is None:
        return 1.0
    discount, time_to_sell = premise
    return (1 - discount) * discount_factor(asset, market, time_to_sell)


# ----------------------------------------------------------------------------------------------------------------------
# The renewal boundary (section 5), by a discretisation of our own


@dataclass
class Continuation:
    """S_{t+1}/S_t E[v_{t+1}] as a function of L_t, known at nodes uniform in ln L and at L = 0.

    Between nodes: cubic in ln L where the level moves (the function is then smooth), else linear in L. Below the nodes
    linear in L down to L = 0, above them linear in L.
    """

    levels: Array  # (n,) ascending
    values: Array  # (n,)
    at_zero: float
    smooth: bool

    def __call__(self, level: Array) -> Array:
        level = np.asarray(level, dtype=float)
        low, high, n = self.levels[0], self.levels[-1], len(self.levels)
        inside = np.clip(level, low, high)
        if self.smooth:
            position = np.log(inside / low) / (np.log(high / low) / (n - 1))
            i = np.clip(np.floor(position).astype(int), 1, n - 3)
            r = position - i
            value = (
                -r * (r - 1) * (r - 2) / 6 * self.values[i - 1]
                + (r + 1) * (r - 1) * (r - 2) / 2 * self.values[i]
                - (r + 1) * r * (r - 2) / 2 * self.values[i + 1]
                + (r + 1) * r * (r - 1) / 6 * self.values[i + 2]
            )
        else:
            value = np.interp(inside, self.levels, self.values)
        below = self.at_zero + (self.values[0] - self.at_zero) * level / low
        slope = (self.values[-1] - self.values[-2]) / (high - self.levels[-2])
        above = self.values[-1] + slope * (level - high)
        result: Array = np.where(level < low, below, np.where(level > high, above, value))
        return result


@dataclass
class Solution:
    """b0, b1: (t,) abandon where L < b, before and after the rival's entry; value: the optimal expectation of V; later: at index t - 1 what is
    expected of all periods after t as functions of L_t, before and after the entry."""

    b0: Array
    b1: Array
    value: float
    later: list[tuple[Continuation, Continuation]]


def solve(v: Vectors, nodes: int = 32) -> Solution:
    """Optimal stopping on a uniform grid of ln L with its drift taken off, `nodes` to a period's standard deviation.

    Without the drift the grid's nodes are the quadrature's nodes too: the expectation over a period is the trapezoid
    rule against the normal density, which converges faster than any power of h for smooth functions and as h^2 at the
    kink. What falls between nodes is only a rival's entry (cubic interpolation of the continuation value; cash and
    salvage are exact there).
    """
    n_periods, s, reach = v.periods, v.sigma * math.sqrt(v.step), 8.5
    keep, rival = v.keep, bool(np.any(v.C < 1)) and v.keep < 1
    # Levels that can be reached, without the drift of the path; a royalty near 0 is left to the line down to L = 0.
    width = reach * math.sqrt(v.s0**2 + s**2 * n_periods) + 0.5
    least, greatest = (math.prod(one.ends[i] for one in v.inputs if one.place != oracle_inputs.PREMIUM) for i in (0, 1))
    lowest = math.log(max(v.m_low * min(least, 1.0), 1e-4)) + (math.log(max(keep, 1e-4)) if rival else 0.0) - v.s0**2 / 2 - width
    highest = math.log(v.m_high * max(greatest, 1.0)) - v.s0**2 / 2 + width
    if s > 0:
        nodes = max(min(nodes, int(60_000 * s / (highest - lowest))), 8)  # a small volatility beside a wide start needs no finer grid
        h = s / nodes
        half = math.ceil(reach * nodes)
        density = np.exp(-0.5 * (np.arange(-half, half + 1) / nodes) ** 2)
        density /= density.sum()
    else:
        h, half, density = (highest - lowest) / 20_000, 0, np.ones(1)
    grid = lowest + h * np.arange(math.ceil((highest - lowest) / h) + 1)

    def levels_at(t: int) -> Array:  # t = 0, 1, ..., N
        levels: Array = np.exp(grid - 0.5 * s**2 * t)
        return levels

    def worth(t: int, level: Array, continuation: Continuation) -> Array:
        """v_t of period t = 1...N."""
        stay = v.cash(t - 1, level) + continuation(level)
        best: Array = np.maximum(stay, v.salvage[t - 1]) if v.decision[t - 1] else stay
        return best

    def expected(t: int, value: Callable[[Array], Array]) -> Continuation:
        """E[value(L_t) | L_{t-1}] on the nodes of t - 1."""
        at_nodes, at_zero = value(levels_at(t)), float(value(np.zeros(1))[0])
        level = levels_at(t)
        pad = h * np.arange(1, half + 1)
        below = at_zero + (at_nodes[0] - at_zero) * np.exp(-pad[::-1])
        above = at_nodes[-1] + (at_nodes[-1] - at_nodes[-2]) / (level[-1] - level[-2]) * level[-1] * np.expm1(pad)
        mean = np.convolve(np.concatenate([below, at_nodes, above]), density, mode="valid")
        return Continuation(levels_at(t - 1), mean, at_zero, smooth=s > 0)

    def scaled(a: float, x: Continuation, b: float, y: Continuation) -> Continuation:
        return Continuation(x.levels, a * x.values + b * y.values, a * x.at_zero + b * y.at_zero, x.smooth)

    b0, b1 = np.zeros(n_periods), np.zeros(n_periods)
    nothing = Continuation(levels_at(n_periods), np.zeros(len(grid)), 0.0, smooth=False)
    before, after = nothing, nothing  # continuation values of period t, rival not entered and entered
    known_later: list[tuple[Continuation, Continuation]] = []
    for t in range(n_periods, 0, -1):
        known_later.insert(0, (before, after))
        if v.decision[t - 1]:
            b0[t - 1] = crossing(v, t - 1, before)
            b1[t - 1] = crossing(v, t - 1, after) if rival else b0[t - 1]
        lives = v.S[t - 1] / (v.S[t - 2] if t > 1 else 1.0) if (t == 1 or v.S[t - 2] > 0) else 0.0
        stays_out = v.C[t - 1] / (v.C[t - 2] if t > 1 else 1.0) if (t == 1 or v.C[t - 2] > 0) else 0.0
        free = expected(t, lambda level, t=t, c=before: worth(t, level, c))  # type: ignore[misc]
        if rival:
            met = expected(t, lambda level, t=t, c=after: worth(t, keep * level, c))  # type: ignore[misc]
            known = expected(t, lambda level, t=t, c=after: worth(t, level, c))  # type: ignore[misc]
            before, after = (
                scaled(lives * stays_out, free, lives * (1 - stays_out), met),
                scaled(lives, known, 0.0, known),
            )
        else:
            before = after = scaled(lives, free, 0.0, free)
    return Solution(b0, b1, mean_over_start(v, before), known_later)


def crossing(v: Vectors, t: int, continuation: Continuation) -> float:
    """b = inf{L : q_t(L) >= salvage_t}, q_t non-decreasing; 0 where staying is never worse, +inf where it always is."""
    tolerance = 1e-12 * max(float(v.salvage[t]), float(v.f[t]))  # rounding must not decide between equal choices

    def gain(level: float) -> float:
        x = np.array([level])
        return float((v.cash(t, x) + continuation(x))[0] - v.salvage[t] + tolerance)

    nodes = np.concatenate([[0.0], continuation.levels])
    stays = v.cash(t, nodes) + continuation(nodes) - v.salvage[t] + tolerance >= 0
    if stays[0]:
        return 0.0
    if stays.any():
        k = int(np.argmax(stays))
        low, high = float(nodes[k - 1]), float(nodes[k])
    else:
        low, high = float(nodes[-1]), 2 * float(nodes[-1])
        while gain(high) < 0:
            low, high = high, 2 * high
            if high > 1e200:
                return math.inf
    while high - low > 1e-15 * high:
        middle = (low + high) / 2
        if not low < middle < high:
            break
        low, high = (low, middle) if gain(middle) >= 0 else (middle, high)
    return high


def mean_over_start(v: Vectors, continuation: Continuation) -> float:
    """E over X_0 and m of the value at the valuation date."""
    z = np.linspace(-8, 8, 321) if v.s0 > 0 else np.zeros(1)
    z_weight = np.exp(-(z**2) / 2)
    z_weight /= z_weight.sum()
    m = triangular(v, (np.arange(400) + 0.5) / 400) if v.m_high > v.m_low else np.ones(1)
    for one in v.inputs:
        u = (np.arange(100) + 0.5) / 100
        m = np.outer(m, one.relative(u, 1 - u, special.ndtri(u))).reshape(-1)
    start = np.exp(v.s0 * z - v.s0**2 / 2)
    return float(sum(weight * continuation(x * m).mean() for weight, x in zip(z_weight, start, strict=True)))


def boundary(v: Vectors, asset: Asset | None = None, market: Market | None = None, nodes: int = 32) -> tuple[Array, Array]:
    """(b0, b1), each (t,): the owner abandons in period t where L_t < b_t(c). 0 on dates without a decision."""
    solution = solve(v, nodes)
    return solution.b0, solution.b1


# ----------------------------------------------------------------------------------------------------------------------
# The simulation (sections 3 and 5; numerics.md sections 2 to 5)


@dataclass
class Draws:
    """What is random of one asset on each path (section 3): a sampler's work."""

    survival: Array  # (p,) uint64 word of U
    rival: Array  # (p,) uint64 word of U'
    level: Array | None  # (p,) Z_0, where the level is uncertain
    royalty: Array | None  # (p,) uint32 word, where there is a range
    inputs: Mapping[int, Array]  # (p,) uint32 words of all inputs by their place, where there are any
    shocks: list[Array]  # E_t, t = 1...N, each (p,), where there is volatility
    factors: list[Array]  # F_t of the asset's sector, where it loads on it


def random_draws(asset: Asset, market: Market, v: Vectors, seed: int, paths: Array, anew: Iterable[str] = ()) -> Draws:
    """The sampler `random` (numerics.md sections 1 and 2), some of INPUTS drawn anew (section 18)."""
    own = xxh64(str(asset["asset_id"]).encode())
    path, level, factor = ({name: purpose + ANEW * (name in anew) for name in INPUTS} for purpose in (PURPOSE_PATH, PURPOSE_LEVEL, PURPOSE_FACTOR))
    return Draws(
        survival=word(seed, own, path["survival"], 0, paths).astype(np.uint64),
        rival=word(seed, own, path["rival"], 1, paths).astype(np.uint64),
        level=normals(seed, own, level["level"], 0, 1, paths)[0] if v.s0 > 0 else None,
        royalty=word(seed, own, level["royalty_rate"], 2, paths) if v.m_high > v.m_low else None,
        inputs={place: word(seed, own, level[name], 2 + place, paths) for place, name in enumerate(DRAWN)} if v.inputs else {},
        shocks=normals(seed, own, path["own_shocks"], 2, v.periods, paths) if v.sigma > 0 else [],
        factors=factor_normals(market, str(asset["sector"]), seed, paths, v.periods, factor["sector_factor"]) if v.sigma > 0 and v.beta != 0 else [],
    )


@dataclass
class Paths:
    """V and lifetimes of one asset on paths path_from ... path_from + p - 1."""

    values: Array  # (p,) V
    alive: Array  # (p,) number of periods alive after step 3
    alive_time: Array  # (p,) their length in years
    alive_counts: Array  # (t,) paths alive after step 3
    abandoned: Array  # (p,) period of abandonment, 0 where never
    delta: Array  # (t,)
    given_levels: Array  # (p,) V's expectation given all but U (numerics.md section 14)
    control: Array  # (p,) the same of V without option and bounds, and without costs

    @property
    def expected_life(self) -> float:
        """sum_t delta_t (paths alive in t) / n, in t's order."""
        total = 0.0
        for length, count in zip(self.delta, self.alive_counts, strict=True):
            total += float(length) * float(count) / len(self.values)
        return total


def triangular(v: Vectors, u: Array, complement: Array | None = None) -> Array:
    """m by inversion of the triangular distribution on (low/rate, 1, high/rate)."""
    complement = 1 - u if complement is None else complement
    d = v.m_high - v.m_low
    p = (1 - v.m_low) / d
    rising = v.m_low + np.sqrt(u * d * (1 - v.m_low))
    falling = v.m_high - np.sqrt(complement * d * (v.m_high - 1))
    return np.where(u < p, rising, falling)


def discounted(v: Vectors, t: int, level: Array, premium: Array) -> tuple[Array, Array]:
    """(p,), (p,) cash and salvage of period index t at levels (p,), discounted at k + premium in place of k."""
    more_w, x, more_f, x_f = v.repeats if t == v.periods - 1 else (0.0, 0.0, 0.0, 0.0)

    def again(x: float) -> Array:
        """x/(1 - x) at the drawn rate as a part of that at the base's."""
        at = x * (1 + v.k[t]) / (1 + v.k[t] + premium)
        ratio: Array = at / (1 - at) / (x / (1 - x)) if x > 0 else np.zeros(len(premium))
        return ratio

    w = v.w[t] - more_w + more_w * again(x)
    f = v.f[t] - more_f + more_f * again(x_f)
    factor = ((1 + v.k[t] + premium) / (1 + v.k[t])) ** -v.u[t]
    at_end = ((1 + v.k_end[t] + premium) / (1 + v.k_end[t])) ** -v.e[t]
    return factor * (np.minimum(np.maximum(w * level, v.lo[t]), v.hi[t]) - f), at_end * v.salvage[t]


def simulate(
    asset: Asset,
    market: Market,
    schedules: Tables | None = None,
    curves: Tables | None = None,
    *,
    paths: int,
    seed: int,
    path_from: int = 0,
    boundary: tuple[Array, Array] | None = None,
    vectors: Vectors | None = None,
    draws: Draws | None = None,
    watch: Callable[[int, Array, Array, Array], None] | None = None,
) -> Paths:
    """V on each path. `boundary` (b0, b1) replaces the one solved here; `vectors` those compiled here; `draws` those of the sampler `random`.
    `watch` sees of each period index, after step 4: the levels, where the rival has entered, where the right has ended, each (p,)."""
    v = vectors if vectors is not None else compile_asset(asset, market, schedules, curves)
    if boundary is None:
        boundary = boundary_of(v) if v.optional else (np.zeros(v.periods), np.zeros(v.periods))
    if draws is None:
        draws = random_draws(asset, market, v, seed, np.arange(path_from, path_from + paths))
    x = np.zeros(paths) if draws.level is None else v.s0 * draws.level - 0.5 * v.s0**2
    m = np.ones(paths) if draws.royalty is None else triangular(v, uniform(draws.royalty), uniform(np.uint32(MASK32) - draws.royalty))
    drawn = oracle_inputs.drawn(v.inputs, v.weights, draws.inputs, paths)

    values, alive_counts = np.zeros(paths), np.zeros(v.periods, int)
    alive, alive_time, abandoned = np.zeros(paths, int), np.zeros(paths), np.zeros(paths, int)
    given_levels, control = np.zeros(paths), np.zeros(paths)
    ended, given_up = np.zeros(paths, bool), np.zeros(paths, bool)
    for t in range(v.periods):
        # 1. X_t and c_t are seen.
        if v.sigma > 0:
            z = math.sqrt(1 - v.beta**2) * draws.shocks[t]
            if draws.factors:
                z = z + v.beta * draws.factors[t]
            x = x - 0.5 * v.sigma**2 * v.step + v.sigma * math.sqrt(v.step) * z
        entered = draws.rival >= max(1, threshold(v.C[t]))
        bare = np.exp(x) * m * np.where(entered, v.keep, 1.0)
        level = bare * drawn.multiplier
        cash, salvage = v.cash(t, level), v.salvage[t]
        steady = drawn.multiplier
        if v.blended:
            cash, salvage = discounted(v, t, level, drawn.premium)
            steady = drawn.steady - v.u[t] / (1 + v.k[t]) * drawn.tilt
        # 2. Has the right ended?
        ended |= draws.survival >= threshold(v.S[t])
        # 3. Does the owner abandon?
        if v.decision[t]:
            gives_up = ~given_up & (level < np.where(entered, boundary[1][t], boundary[0][t]))
            given_levels += np.where(gives_up, v.S[t] * salvage, 0.0)
            given_up |= gives_up
            gives_up &= ~ended
            values += np.where(gives_up, salvage, 0.0)
            abandoned[gives_up] = t + 1
            ended |= gives_up
        # 4. Else it earns.
        values += np.where(ended, 0.0, cash)
        given_levels += np.where(given_up, 0.0, v.S[t] * cash)
        control += v.S[t] * v.linear(t) * bare * steady
        alive += ~ended
        alive_time += np.where(ended, 0.0, v.delta[t])
        alive_counts[t] = np.count_nonzero(~ended)
        if watch is not None:
            watch(t, level, entered, ended)
    return Paths(values, alive, alive_time, alive_counts, abandoned, v.delta, given_levels, control)


compile_asset, boundary_of = vectors, boundary  # for `simulate`, whose arguments have the same names


# ----------------------------------------------------------------------------------------------------------------------
# Statistics and totals (section 8; numerics.md sections 7 and 8)


def striped_sum(values: Array) -> float:
    """Sum in 16 stripes, p mod 16, each in order, then as a binary tree."""
    stripes = np.zeros(16)
    for start in range(0, len(values), 16):
        part = values[start : start + 16]
        stripes[: len(part)] += part
    for width in (8, 4, 2, 1):
        stripes = stripes[:width] + stripes[width : 2 * width]
    return float(stripes[0])


def quantile(ordered: Array, alpha: float) -> float:
    """Linear interpolation between order statistics, the arithmetic of numpy.quantile."""
    h = (len(ordered) - 1) * alpha
    i = min(math.floor(h), len(ordered) - 1)
    a, b, g = float(ordered[i]), float(ordered[min(i + 1, len(ordered) - 1)]), h - i
    return b - (b - a) * (1 - g) if g >= 0.5 else a + (b - a) * g


def statistics(
    values: Array,
    alive_time: Array | float,
    quantiles: Sequence[float] = (0.05, 0.25, 0.5, 0.75, 0.95),
    tail: float = 0.05,
) -> dict[str, Any]:
    """What is reported of one asset's V (p,), apart from the closed form, TAB and premise.

    alive_time: years alive on each path (p,), or their mean (`Paths.expected_life`).
    """
    n = len(values)
    mean = striped_sum(values) / n
    deviation = math.sqrt(striped_sum((values - mean) ** 2) / (n - 1)) if n > 1 else 0.0
    ordered = np.sort(values)
    j = max(math.ceil(tail * n - 1e-9), 1)
    worst = float(ordered[j - 1])
    below = values < worst
    return {
        "mean_raw": mean,
        "standard_deviation": deviation,
        "standard_error": deviation / math.sqrt(n),
        "quantiles": {q: quantile(ordered, q) for q in quantiles},
        "expected_shortfall": (striped_sum(np.where(below, values, 0.0)) + (j - int(below.sum())) * worst) / j,
        "probability_of_loss": int(np.count_nonzero(values < 0)) / n,
        "expected_life": float(np.mean(alive_time)),
    }


def paired(values: Array, first: Array) -> tuple[float, float]:
    """Mean and standard deviation of what a version's values (p,) differ by from those of the first version of the asset, path by path
    (numerics.md section 16)."""
    n = len(values)
    mean, mean_first = striped_sum(values) / n, striped_sum(first) / n
    apart = (values - mean) - (first - mean_first)
    return mean - mean_first, math.sqrt(striped_sum(apart**2) / (n - 1)) if n > 1 else 0.0


def sobol_indices(base: Array, anew: Array, moved: Array) -> tuple[tuple[float, float], tuple[float, float]]:
    """First-order and total index of an input, each with its standard error (numerics.md section 18), from values (p,): the base, all drawn anew,
    and the base with that input anew."""

    def index(one: Array) -> tuple[float, float]:
        mean = (one.mean() + moved.mean()) / 2
        squares = ((one - mean) ** 2 + (moved - mean) ** 2) / 2
        correlation = ((one - mean) * (moved - mean)).mean() / squares.mean()
        parts = ((one - mean) * (moved - mean) - correlation * squares) / squares.mean()
        control = (base - base.mean()) * (anew - anew.mean())
        off = control - control.mean()
        slope = (parts * off).sum() / (off**2).sum() if off.any() else 0.0
        n = len(base)
        return float(correlation - slope * control.mean()), float(np.sqrt(((parts - slope * off) ** 2).sum() / (n * (n - 2))))

    first, (shared, error) = index(anew), index(base)
    return first, (1.0 - shared, error)


def can_be_summed(values: Array) -> bool:
    """Whether totals can take these path values in (section 8)."""
    return bool(np.all(np.isfinite(values)) and np.all(np.abs(values) < LARGEST_TOTAL / MONEY_RESOLUTION))


def grown(estimate: Callable[[int], tuple[float, float] | None], paths: int, tolerance: float | None, max_paths: int | None) -> int:
    """The P of one asset under a tolerance (numerics.md section 14). estimate(P): `mean` and `standard_error` of a run with P paths, None where
    it would reject the row."""
    now = estimate(paths)
    while tolerance is not None and max_paths is not None and 2 * paths <= max_paths and now is not None:
        mean, error = now
        if not error > tolerance * abs(mean):
            break
        now = estimate(2 * paths)
        paths *= 1 if now is None else 2
    return paths


def value(
    asset: Asset,
    market: Market,
    schedules: Tables | None = None,
    curves: Tables | None = None,
    *,
    paths: int,
    seed: int,
    quantiles: Sequence[float] = (0.05, 0.25, 0.5, 0.75, 0.95),
    tail: float = 0.05,
    premise: tuple[float, float] | None = None,
    tolerance: float | None = None,
    max_paths: int | None = None,
) -> dict[str, Any]:
    """One row of the results, under the `random` sampler; its key "paths_" holds the `Paths`.

    premise: (discount, time to sell) or None. With a tolerance the paths double as `grown` says.
    """
    v = vectors(asset, market, schedules, curves)
    thresholds = boundary(v) if v.optional else None
    expectation, variance = closed_form(v), closed_form_variance(v)
    heavy = v.s0**2 + v.sigma**2 * v.periods * v.step > 2

    @cache
    def described(paths: int) -> tuple[Paths, dict[str, Any]]:
        sample = simulate(asset, market, paths=paths, seed=seed, boundary=thresholds, vectors=v)
        row = statistics(sample.values, sample.expected_life, quantiles, tail)
        if heavy and variance is not None:
            row["standard_error"] = math.sqrt(variance / paths)
        return sample, row

    def estimate(paths: int) -> tuple[float, float] | None:
        sample, row = described(paths)
        return (row["mean_raw"], row["standard_error"]) if can_be_summed(sample.values) else None

    paths = grown(estimate, paths, tolerance, max_paths)
    sample, row = described(paths)
    if not can_be_summed(sample.values):
        raise Rejected("a path's value is not finite or too large")
    mean = row["mean_raw"]
    with_tab = mean * tab_factor(asset, market) if mean > 0 else mean
    row |= {"mean": mean, "closed_form": expectation, "tab": with_tab - mean, "paths": paths, "paths_": sample}
    row |= {"value": with_tab * premise_factor(asset, market, premise), "status": "heavy_tail" if heavy else "ok"}
    return row


def fixed(money: float) -> int:
    """The integer nearest to money times 10^6: the product rounded in double, ties to even."""
    return int(np.rint(np.float64(money) * 1e6))


def totals(assets: Iterable[Array]) -> list[int]:
    """Sum over assets on each path, exact: (p,) for each asset -> p Python integers in units of 10^-6 of money."""
    sums: list[int] = []
    for values in assets:
        row = [fixed(x) for x in values]
        if any(abs(x) >= LARGEST_TOTAL for x in row):
            raise Rejected("a path's value is too large")
        sums = [a + b for a, b in zip(sums, row, strict=True)] if sums else row
    return sums


def total_statistics(sums: Sequence[int], quantiles: Sequence[float] = (0.05, 0.25, 0.5, 0.75, 0.95), tail: float = 0.05) -> dict[str, Any]:
    """Statistics of a group's per-path sums: on the integers as doubles, then divided by 10^6."""
    raw = statistics(np.array([float(x) for x in sums]), 0.0, quantiles, tail)
    out: dict[str, Any] = {k: raw[k] / 1e6 for k in ("mean_raw", "standard_deviation", "standard_error", "expected_shortfall")}
    out["quantiles"] = {q: x / 1e6 for q, x in raw["quantiles"].items()}
    out["probability_of_loss"] = raw["probability_of_loss"]
    return out
