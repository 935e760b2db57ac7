"""Every column of the portfolio: the one place that names, types, bounds and explains them."""

from __future__ import annotations

from ipvalue.constants import MAX_HORIZON_YEARS
from ipvalue.schema.column import Column, Form

RIGHT_TYPES = (
    "invention_patent",
    "utility_model",
    "design",
    "trademark",
    "software_copyright",
    "copyright",
    "trade_secret",
    "plant_variety",
    "layout_design",
    "geographical_indication",
)

RENEWABLE = frozenset({"trademark", "geographical_indication"})
"""Right types renewed for ever: their expiry_date dates the renewals and does not end their life."""

STAGES = ("idea", "filed", "granted", "licensed")

PENDING = frozenset({"idea", "filed"})
"""Stages before grant: only these take grant_probability and grant_lag from the assumptions."""

METHODS = ("relief_from_royalty", "licence", "excess_earnings", "incremental_income", "cost", "market", "project")

PRICE_METHODS = ("cost", "market")
"""The methods that know a price today; the rights of the others live and earn."""

INCOME_METHODS = tuple(name for name in METHODS if name not in PRICE_METHODS)

UNCERTAIN = ("royalty_rate", "margin", "revenue", "discount_premium")
"""Columns that may be drawn from a distribution, in the order of input_correlations (docs/uncertain_inputs.md)."""

DISTRIBUTIONS = ("triangular", "pert", "uniform", "lognormal", "quantiles")

LINKED = (
    ("royalty_rate", "royalty_low", "royalty_high", "royalty_rate_distribution", "royalty_rate_parameters"),
    ("margin", "margin_distribution", "margin_parameters"),
    ("discount_premium", "discount_premium_distribution", "discount_premium_parameters"),
    ("growth", "growth_long", "growth_fade"),
    ("grant_probability", "grant_lag"),
    ("entry_hazard", "entry_loss"),
    ("method", "methods", "weights"),
    ("stage_costs", "stage_years", "stage_probabilities"),
)
"""Columns that belong together: the assumptions fill them together or not at all."""

MOST_MONEY = 1e15
LONGEST_LIFE = float(MAX_HORIZON_YEARS)

COUNTRY_CODE = Form("[A-Z]{2}", "two capital letters")
CURRENCY_CODE = Form("[A-Z]{3}", "three capital letters")


def _number(
    name: str,
    meaning: str,
    unit: str,
    low: float,
    high: float | None,
    group: str,
    source: str = "model §4",
    default: float | None = 0.0,
) -> Column:
    return Column(name, "float", meaning, group, unit, default, low, high, source=source)


def _money(name: str, meaning: str, group: str, default: float | None = 0.0) -> Column:
    return _number(name, meaning, _MONEY, 0.0, MOST_MONEY, group, "model §4", default)


def _share(name: str, meaning: str, group: str, source: str = "model §4", default: float | None = 0.0) -> Column:
    return _number(name, meaning, "fraction", 0.0, 1.0, group, source, default)


def _growth(name: str, meaning: str, group: str, default: float | None = 0.0) -> Column:
    return Column(name, "float", meaning, group, "a year", default, -1.0, 10.0, low_open=True, source="model §4")


def _life(name: str, meaning: str, source: str) -> Column:
    return Column(name, "float", meaning, _LIFE, "years", None, 0.0, LONGEST_LIFE, low_open=True, source=source)


def _list(name: str, meaning: str, unit: str, high: float, group: str) -> Column:
    return Column(name, "float_list", meaning, group, unit, None, 0.0, high, source="model §4")


def _distribution(name: str) -> tuple[Column, Column]:
    """The columns that draw another one."""
    return (
        Column(f"{name}_distribution", "choice", f"what {name} is drawn from", _DRAWN, choices=DISTRIBUTIONS, source=_DRAWS),
        Column(f"{name}_parameters", "float_list", f"of that distribution, in the unit of {name}: {_PARAMETERS}", _DRAWN, source=_DRAWS),
    )


_RIGHT, _LIFE, _REVENUE, _RATES = "the right", "method and life", "revenue", "rates"
_RISK, _COSTS, _SINGLE, _DRAWN = "risk", "costs", "single methods", "uncertain inputs"
_DRAWS = "model §3, uncertain_inputs"
_PARAMETERS = (
    "triangular and pert low; mode; high, uniform low; high, lognormal mean and standard deviation of the log, "
    "quantiles from the lowest to the highest"
)
_MONEY = "asset's currency"
_ROW = "interface: portfolio columns"

_COLUMNS = (
    Column(
        "asset_id",
        "string",
        "the right's name, unique in the portfolio; its random numbers follow from it",
        _RIGHT,
        required=True,
        source=_ROW,
    ),
    Column("right_type", "choice", "what kind of right it is", _RIGHT, choices=RIGHT_TYPES, required=True, source=_ROW),
    Column("stage", "choice", "how far it has come", _RIGHT, choices=STAGES, source=_ROW),
    Column("owner_id", "string", "whose it is", _RIGHT, source=_ROW),
    Column("owner_province", "string", "province or region of the owner", _RIGHT, source=_ROW),
    Column(
        "family_id", "string", "rights that protect the same product; their revenue_share should not exceed 1 together", _RIGHT, source="model §11"
    ),
    Column("jurisdiction", "string", "where it holds (ISO 3166 alpha-2, EP, WO)", _RIGHT, form=COUNTRY_CODE, source=_ROW),
    Column("sector", "string", "the market's factor that its revenue follows", _RIGHT, source=_ROW),
    Column("filing_date", "date", "when it was applied for", _RIGHT, source=_ROW),
    Column("grant_date", "date", "when it was granted or registered", _RIGHT, source=_ROW),
    Column("expiry_date", "date", "when it expires; renewable types: when it is next renewed", _RIGHT, source=_ROW),
    #
    Column("method", "choice", "how it is valued", _LIFE, "", METHODS[0], choices=METHODS, source="model §4"),
    Column("methods", "choice_list", "several methods, reconciled by weights; in place of method", _LIFE, choices=METHODS, source="model §4"),
    Column("weights", "float_list", "weight of each of methods; together 1", _LIFE, "fraction", None, 0.0, 1.0, source="model §4"),
    _life("life", "years it still earns; a blank: until expiry_date or economic_life, whichever is first", "model §2"),
    _life("economic_life", "years until what it protects is worthless", _ROW),
    Column("indefinite", "bool", "renewed for ever: the last year repeats", _LIFE, "", False, source="model §4"),
    Column(
        "renewal",
        "choice",
        "always: every fee is paid; optimal: the owner abandons when that is worth more",
        _LIFE,
        default="always",
        choices=("always", "optimal"),
        source="model §5",
    ),
    #
    Column("currency", "string", "of the row's money; a blank: the market's", _REVENUE, form=CURRENCY_CODE, source=_ROW),
    _money("revenue", "annual revenue today; year 1 earns it times one plus the growth", _REVENUE, None),
    _list("revenue_path", "expected revenue of each year; replaces revenue and growth", _MONEY, MOST_MONEY, _REVENUE),
    _share("revenue_share", "the part of the revenue that this right earns", _REVENUE, default=1.0),
    _growth("growth", "revenue growth in the first year", _REVENUE),
    _growth("growth_long", "growth in the long run; a blank: growth", _REVENUE, None),
    _number("growth_fade", "speed at which growth tends to growth_long", "a year", 0.0, None, _REVENUE),
    _number("launch_lag", "years until sales start", "years", 0.0, LONGEST_LIFE, _REVENUE),
    _number("ramp_years", "years from launch to full sales", "years", 0.0, LONGEST_LIFE, _REVENUE),
    _number("obsolescence", "rate at which revenue decays", "a year", 0.0, 10.0, _REVENUE),
    #
    _share("royalty_rate", "royalty on revenue, the most likely one", _RATES, "model §3, §4", None),
    _share("royalty_low", "lowest royalty of the triangular range", _RATES, "model §3", None),
    _share("royalty_high", "highest royalty of the triangular range", _RATES, "model §3", None),
    _number("margin", "profit on revenue that the right brings", "fraction", -10.0, 1.0, _RATES, default=None),
    _number("contributory_charge", "charge on revenue for the other assets used", "fraction", 0.0, 10.0, _RATES),
    Column("tax_rate", "float", "tax on income", _RATES, "fraction", 0.0, 0.0, 1.0, high_open=True, source="model §4"),
    _growth("discount_premium", "added to the risk-free rate", _RATES),
    Column(
        "tab_years",
        "int",
        "statutory tax life for the amortisation benefit; 0 is none",
        _RATES,
        "years",
        0,
        0.0,
        LONGEST_LIFE,
        source="model §7",
    ),
    #
    _number("revenue_uncertainty", "standard deviation of today's log revenue", "", 0.0, 5.0, _RISK, "model §3"),
    _number("volatility", "standard deviation of log revenue growth", "a root year", 0.0, 5.0, _RISK, "model §3"),
    _number("factor_loading", "correlation with the sector's factor", "", -1.0, 1.0, _RISK, "model §3"),
    _number("hazard", "rate at which the right ends (invalidated, lost)", "a year", 0.0, 10.0, _RISK),
    Column("survival_curve", "string", "curve of the assumptions; none: no curve", _RISK, source="model §4"),
    _share("grant_probability", "probability that a pending right is granted", _RISK, default=1.0),
    _number("grant_lag", "years until a pending right is granted", "years", 0.0, LONGEST_LIFE, _RISK),
    _number("entry_hazard", "rate at which a rival enters", "a year", 0.0, 100.0, _RISK, "model §3"),
    _share("entry_loss", "share of revenue lost once the rival has entered", _RISK, "model §3"),
    #
    _money("annual_cost", "cost of keeping it, a year", _COSTS),
    _growth("cost_inflation", "growth of annual_cost", _COSTS),
    Column("fee_schedule", "string", "official fees of the assumptions; none: no fees", _COSTS, source="model §4"),
    _growth("fee_inflation", "growth of official fees", _COSTS),
    _money("salvage", "received after tax when it is abandoned", _COSTS),
    #
    _money("minimum_guarantee", "licence: least income a year, the owner's share", _SINGLE),
    _money("cap", "licence: most income a year, the owner's share; a blank: no cap", _SINGLE, None),
    _money("replacement_cost", "cost: cost of making it again", _SINGLE, None),
    _share("functional_obsolescence", "cost: lost to better techniques", _SINGLE),
    _share("economic_obsolescence", "cost: lost to a worse market", _SINGLE),
    _money("comparable_price", "market: price of a comparable right", _SINGLE, None),
    _number("comparable_adjustment", "market: what to add to that price", "fraction", -1.0, 100.0, _SINGLE),
    _list("stage_costs", "project: cost of each stage", _MONEY, MOST_MONEY, _SINGLE),
    _list("stage_years", "project: length of each stage", "years", LONGEST_LIFE, _SINGLE),
    _list("stage_probabilities", "project: probability that each stage succeeds", "fraction", 1.0, _SINGLE),
    #
    *(column for name in UNCERTAIN for column in _distribution(name)),
    Column(
        "input_correlations",
        "float_list",
        "correlations of the draws: royalty_rate with margin, revenue, discount_premium; margin with revenue, discount_premium; "
        "revenue with discount_premium; a blank: independent",
        _DRAWN,
        low=-1.0,
        high=1.0,
        source=_DRAWS,
    ),
)

PORTFOLIO: dict[str, Column] = {column.name: column for column in _COLUMNS}

FILLABLE = frozenset(column.name for column in _COLUMNS if column.group != _RIGHT) - {"revenue_distribution", "revenue_parameters"}
"""Columns that assumptions may fill: all but those that say which right it is, and how sure its own revenue is."""
