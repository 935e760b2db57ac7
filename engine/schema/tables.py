"""The columns of the market file and of a results directory."""

from __future__ import annotations

from ipvalue.constants import MAX_STEPS_PER_YEAR
from ipvalue.schema.column import Column, Form, Kind
from ipvalue.schema.portfolio import CURRENCY_CODE
from ipvalue.schema.sensitivities import INDICES, SENSITIVITIES, SENSITIVITY_ASSETS, TORNADO

_MONEY = "market's currency"
_FILE = "market.toml"


def _market(
    name: str,
    kind: Kind,
    meaning: str,
    unit: str = "",
    low: float | None = None,
    *,
    high: float | None = None,
    low_open: bool = False,
    default: float | bool | None = None,
    required: bool = False,
    form: Form | None = None,
) -> Column:
    return Column(name, kind, meaning, _FILE, unit, default, low, high, low_open, False, (), form, required, _MARKET_PAGE)


_MARKET_PAGE = "interface: market.toml"

_MARKET = (
    _market("currency", "string", "what results are reported in", form=CURRENCY_CODE, required=True),
    _market("valuation_date", "date", "the day that time 0 is", required=True),
    _market("steps_per_year", "int", "periods a year", "", 1, high=MAX_STEPS_PER_YEAR, default=1),
    _market("mid_period", "bool", "cash is discounted from the middle of its period, else from its end", default=True),
    _market("curves.CUR.tenors", "float_list", "times of a zero curve", "years", 0, low_open=True, required=True),
    _market("curves.CUR.rates", "float_list", "zero rates, annual effective", "a year", -1, low_open=True, required=True),
    _market("fx.CUR", "float", "one unit of the currency in reporting currency", "", 0, low_open=True),
    _market("factors.names", "string", "the factors, as the column sector names them (a list)"),
    _market("factors.correlation", "float_list", "their correlation, positive semidefinite (a matrix)", "", -1, high=1),
)

MARKET: dict[str, Column] = {column.name: column for column in _MARKET}


def _assets(name: str, meaning: str, unit: str = _MONEY, kind: Kind = "float", source: str = "model §8") -> Column:
    return Column(name, kind, meaning, "assets/part-*.parquet", unit, source=source)


def _groups(name: str, meaning: str, unit: str = _MONEY, kind: Kind = "float") -> Column:
    return Column(name, kind, meaning, "groups.parquet", unit, source="model §8")


def _totals(name: str, kind: Kind, meaning: str, unit: str = "") -> Column:
    return Column(name, kind, meaning, "totals.arrow", unit, source="model §8")


def _rejects(name: str, meaning: str, kind: Kind = "string") -> Column:
    return Column(name, kind, meaning, "rejects.parquet", source="interface: a results directory")


def _steps(name: str, meaning: str, kind: Kind = "string", unit: str = "", group: str = "explain.parquet") -> Column:
    return Column(name, kind, meaning, group, unit, source="interface: explain")


def _scenarios(name: str, meaning: str, unit: str = _MONEY, kind: Kind = "float", group: str = "scenarios.parquet") -> Column:
    return Column(name, kind, meaning, group, unit, source="model §10")


_QUANTILE = "quantile; q05 is the 5 % one, q99_9 the 99.9 % one: a column for each asked for"

_ASSETS = (
    _assets("asset_id", "as in the portfolio", "", "string"),
    _assets("method", "how it was valued; reconciled where the row has several methods", "", "choice"),
    _assets("status", "ok, or what to be careful about in this row", "", "string", "model §11"),
    _assets("mean", "estimate of the expected value, the best there is"),
    _assets("mean_raw", "plain average of the paths"),
    _assets("standard_error", "standard error of mean"),
    _assets("standard_deviation", "of the paths"),
    _assets("q…", _QUANTILE),
    _assets("expected_shortfall", "mean of the lowest paths (--tail)"),
    _assets("probability_of_loss", "share of paths below 0", "fraction"),
    _assets("expected_life", "expected time it earns", "years"),
    _assets("closed_form", "expected value by formula, where there is one", source="model §6"),
    _assets("tab", "tax amortisation benefit", source="model §7"),
    _assets("value", "mean with the tax amortisation benefit and the premise", source="model §7"),
    _assets("paths", "paths simulated; with --tolerance the number at which it stopped, of which all its figures are", "", "int"),
    _assets("methods", "the row's methods, where it has several", "", "choice_list", "model §4"),
    _assets("weights", "their weights", "fraction", "float_list", "model §4"),
    _assets("method_values", "the value the right would have by each of them alone", _MONEY, "float_list", "model §4"),
    _assets("filled", "which set of assumptions filled which columns", "", "string", "interface: assumptions.toml"),
)

_GROUPS = (
    _groups("(group columns)", "the columns of --group-by; blank in the row of the whole", "", "string"),
    _groups("assets", "rights in the group", "", "int"),
    _groups("value", "sum of the rights' value"),
    _groups("mean", "mean of the sum on each path"),
    _groups("standard_error", "standard error of mean"),
    _groups("standard_deviation", "of the sum on each path"),
    _groups("q…", _QUANTILE + ", of the sum on each path"),
    _groups("expected_shortfall", "of the sum on each path"),
    _groups("sum_of_quantiles_q…", "sum of the rights' own quantiles, a column for each"),
    _groups("diversification_q…", "quantile of the sum minus sum of the quantiles, a column for each"),
    _groups("diversification", "the same at the lowest quantile asked for"),
)

_TOTALS = (
    _totals("(group columns)", "string", "the columns of --group-by"),
    _totals("path", "int", "number of the path, from 0"),
    _totals("value", "decimal", "sum of the group's rights on that path, exact", _MONEY),
)

_REJECTS = (
    _rejects("file", "input file"),
    _rejects("row", "row within the file, from 0", "int"),
    _rejects("asset_id", "the row's asset_id, where it has one"),
    _rejects("column", "column at fault"),
    _rejects("value", "what stands there, as text"),
    _rejects("rule", "the rule it breaks"),
    _rejects("message", "what is wrong and what to do"),
)


_NAME = "its name, `base` where nothing is shocked"

_NOT_BY_LOTS = "not with --statistics batch-means"

_SCENARIOS = (
    _scenarios("scenario", _NAME, "", "string"),
    _scenarios("(group columns)", "the columns of --group-by; blank in the rows of the whole", "", "string"),
    _scenarios("assets", "rights in the group, the same under every scenario", "", "int"),
    _scenarios("value", "sum of the rights' value"),
    _scenarios("mean", "mean of the sum on each path"),
    _scenarios("standard_error", "standard error of mean"),
    _scenarios("standard_deviation", f"of the sum on each path; {_NOT_BY_LOTS}"),
    _scenarios("q…", f"{_QUANTILE}, of the sum on each path; {_NOT_BY_LOTS}"),
    _scenarios("expected_shortfall", f"of the sum on each path; {_NOT_BY_LOTS}"),
    _scenarios("difference", "mean less that of the base"),
    _scenarios("difference_error", "standard error of difference, of the sums paired path by path"),
)

_SCENARIO_ASSETS_FILE = "assets/part-*.parquet of scenarios, beside those of `value` (with --statistics mean or batch-means but what these leave out)"

_SCENARIO_ASSETS = (
    _scenarios("scenario", _NAME, "", "string", _SCENARIO_ASSETS_FILE),
    _scenarios("difference", "mean less that of the base", group=_SCENARIO_ASSETS_FILE),
    _scenarios("difference_error", "standard error of difference, of the paths paired one by one", group=_SCENARIO_ASSETS_FILE),
)

_SCENARIO_TOTALS_FILE = "totals.arrow of scenarios"

_SCENARIO_TOTALS = (
    _scenarios("scenario", _NAME, "", "string", _SCENARIO_TOTALS_FILE),
    _scenarios("(group columns)", "the columns of --group-by", "", "string", _SCENARIO_TOTALS_FILE),
    _scenarios(
        "path", "number of the path, from 0; with --statistics batch-means `lot`, number of the lot of paths", "", "int", _SCENARIO_TOTALS_FILE
    ),
    _scenarios("value", "sum of the group's rights on that path, or over the paths of that lot, exact", _MONEY, "decimal", _SCENARIO_TOTALS_FILE),
)


_OF_RIGHTS = "assets/part-*.parquet of an explanation"

_EXPLAIN = (
    _steps("step", "old, what lies between in order, new"),
    _steps("(group columns)", "the columns of --group-by; blank in the rows of the whole"),
    _steps("amount", "what the step adds, exact; of old and new the totals", "decimal", _MONEY),
    _steps("standard_error", "of amount: paired where the random numbers are; blank where not known, and of totals", "float", _MONEY),
    _steps("cumulative", "the total after the step, exact", "decimal", _MONEY),
    _steps("significant", "whether amount is more than two standard errors", "bool"),
    _steps("assets", "rights the step touches; of old and new those valued", "int"),
)

_EXPLAIN_ASSETS = (
    _steps("asset_id", "a right that the step touches", group=_OF_RIGHTS),
    _steps("step", "the step", group=_OF_RIGHTS),
    _steps("amount", "what the step adds to its value, exact", "decimal", _MONEY, _OF_RIGHTS),
    _steps("standard_error", "of amount", "float", _MONEY, _OF_RIGHTS),
)


def _loans(name: str, meaning: str, unit: str = _MONEY, kind: Kind = "float") -> Column:
    return Column(name, kind, meaning, "loans/part-*.parquet", unit, source=_LENDING)


def _book(name: str, meaning: str, unit: str = _MONEY, kind: Kind = "float") -> Column:
    return Column(name, kind, meaning, "book.parquet", unit, source=_LENDING)


def _losses(name: str, kind: Kind, meaning: str, unit: str = "") -> Column:
    return Column(name, kind, meaning, "losses.arrow", unit, source=_LENDING)


def _exposures(name: str, meaning: str, unit: str = "", kind: Kind = "string") -> Column:
    return Column(name, kind, meaning, "exposures.parquet", unit, source=_LENDING)


_LENDING = "numerics §19"
_PART = "the loan's part of the whole book's expected shortfall"
_YEARS = ", by loan year"

_LENT = (
    _loans("loan_id", "as in the table of loans", "", "string"),
    _loans("borrower_id", "who owes it", "", "string"),
    _loans("principal", "what is owed today"),
    _loans("rate", "as in the table of loans", "a year"),
    _loans("term", "as in the table of loans", "years"),
    _loans("pd", "share of paths with default within the term", "fraction"),
    _loans("ead", "mean exposure at default; blank where there is none"),
    _loans("lgd", "what is lost of the exposure at default; blank where there is none", "fraction"),
    _loans("expected_loss", "mean loss, in money of the time of default"),
    _loans("standard_deviation", "of the loss on the paths"),
    _loans("standard_error", "of expected_loss"),
    _loans("expected_loss_present", "mean loss, discounted at the loan's rate"),
    _loans("collateral_value", "mean value of what is pledged, less what is owed to loans with a better rank on it"),
    _loans("loan_to_value", "principal over collateral_value; blank where that is not above 0", "fraction"),
    _loans("loan_to_value_q…", "principal over a quantile of the value of what is pledged, a column for each asked for", "fraction"),
    _loans("loan_to_value_forced", "principal over what a forced sale is expected to bring", "fraction"),
    _loans("coverage_q…", "quantile of the least over the years of what a sale would bring, over the exposure; one for each asked for", "fraction"),
    _loans("all_in_cost", "rate with the guarantee's fee", "a year"),
    _loans("saving", "what the borrower saves beside an unsecured loan, over the loan's life"),
    _loans("largest_principal", "the most that the policy allows; blank where nothing limits it"),
    _loans("binding_limit", "the limit that this is", "", "string"),
    _loans("risk_weight", "Basel's, without recognition of the collateral", "fraction"),
    _loans("risk_weight_simulated", "the same with lgd as simulated", "fraction"),
    _loans("breach", "share of paths on which the balance is above the cap on loan to value" + _YEARS, "fraction", "float_list"),
    _loans("covenant_calls", "share of paths with a margin call" + _YEARS, "fraction", "float_list"),
    _loans("covenant_unmet", "share of paths with one that is not met" + _YEARS, "fraction", "float_list"),
    _loans("covenant_releases", "share of paths on which collateral is released" + _YEARS, "fraction", "float_list"),
    _loans("covenant_call", "mean call over all paths" + _YEARS, _MONEY, "float_list"),
    _loans("bank_expected_loss", "mean of what the bank bears of the loss"),
    _loans("break_even_spread", "a rate on what is owed that pays for bank_expected_loss", "a year"),
    *(_loans(f"es_{level}", _PART) for level in ("95", "99", "99_9")),
    *(_loans(f"bank_es_{level}", f"{_PART}, of what the bank bears") for level in ("95", "99", "99_9")),
)

_BEARER = "all, bank, fund, guarantor, insurer, appraiser; borrower: what its equity loses beside them"

_BOOK = (
    _book("bearer", _BEARER, "", "string"),
    _book("mean", "expected loss"),
    _book("standard_deviation", "of the loss on the paths"),
    *(_book(f"{name}_{level}", meaning) for level in ("95", "99", "99_9") for name, meaning in (
        ("var", f"the loss's {level.replace('_', '.')} % quantile"),
        ("es", f"mean of the {level.replace('_', '.')} % worst and worse: expected shortfall"),
    )),
    _book("unexpected_loss", "var_99_9 less mean: economic capital"),
)  # fmt: skip

_LOSSES = (
    _losses("bearer", "string", _BEARER),
    _losses("path", "int", "number of the path, from 0"),
    _losses("loss", "decimal", "what it loses on that path on all loans, exact", _MONEY),
)


def _tranches(name: str, meaning: str, unit: str = _MONEY, kind: Kind = "float") -> Column:
    return Column(name, kind, meaning, "tranches.parquet", unit, source=_LENDING)


def _tranche_losses(name: str, kind: Kind, meaning: str, unit: str = "") -> Column:
    return Column(name, kind, meaning, "tranche_losses.arrow", unit, source=_LENDING)


_TRANCHE = "as in the pool file, the most senior first; pool: what it loses; excess_spread, reserve: what these meet of it before tranches do"

_TRANCHES = (
    _tranches("tranche", _TRANCHE, "", "string"),
    _tranches("attachment", "part of the pool below which losses do not reach it", "fraction"),
    _tranches("detachment", "part of the pool above which losses are others'", "fraction"),
    _tranches("size", "what it is of the pool at first"),
    _tranches("coupon", "as in the pool file", "a year"),
    _tranches("expected_loss", "mean loss over size, unpaid coupons counted", "fraction"),
    _tranches("standard_error", "of expected_loss", "fraction"),
    _tranches("probability_of_default", "share of paths with a loss", "fraction"),
    *(_tranches(name, f"{meaning}; of all paths, in money") for name, meaning in (("mean", "mean loss"), ("standard_deviation", "of the loss"))),
    *(_tranches(f"{name}_{level}", meaning) for level in ("95", "99", "99_9") for name, meaning in (
        ("var", f"the loss's {level.replace('_', '.')} % quantile"),
        ("es", f"mean of the {level.replace('_', '.')} % worst and worse: expected shortfall"),
    )),
    _tranches("unexpected_loss", "var_99_9 less mean"),
    _tranches("unpaid_coupon", "mean of what is not paid of its coupons"),
    _tranches("residual", "mean of what excess spread and reserve leave its holder; 0 but for the lowest"),
    _tranches("weighted_average_life", "mean time of its principal payments; blank where none is ever made", "years"),
    _tranches("rating", "by the table of --tranche-ratings; blank where none allows its expected loss", "", "string"),
)  # fmt: skip

_TRANCHE_LOSSES = (
    _tranche_losses("tranche", "string", _TRANCHE),
    _tranche_losses("path", "int", "number of the path, from 0"),
    _tranche_losses("loss", "decimal", "principal written down, or met, on that path, exact: all rows but pool add up to pool", _MONEY),
    _tranche_losses("unpaid_coupon", "decimal", "coupons not paid on that path, exact", _MONEY),
)


def _lendable(name: str, meaning: str, unit: str = _MONEY, kind: Kind = "float", group: str = "lendable/part-*.parquet") -> Column:
    return Column(name, kind, meaning, group, unit, source=_LENDING)


_BINDS = "the limit that this is; the first of loan_to_value, expected_loss and coverage where two are equal"
_NO_LIMIT = "blank where it limits nothing"

_LENDABLE = (
    _lendable("asset_id", "as in the portfolio", "", "string"),
    _lendable("owner_id", "as in the portfolio", "", "string"),
    _lendable("right_type", "as in the portfolio", "", "string"),
    _lendable("value", "what the cap is a part of: the right's mean, or the quantile or forced sale that the policy says"),
    _lendable("loan_to_value", "the policy's cap for the right's type, 0 where it does not name it; blank where it has none", "fraction"),
    _lendable("largest_by_loan_to_value", f"the most by the cap; {_NO_LIMIT}"),
    _lendable("largest_by_expected_loss", f"the most by the limit on expected loss; {_NO_LIMIT}"),
    _lendable("largest_by_coverage", f"the most by the least coverage; {_NO_LIMIT}"),
    _lendable("largest_principal", "the least of these: the most that may be lent; blank where nothing limits it"),
    _lendable("binding_limit", _BINDS, "", "string"),
)

_BORROWERS = (
    _lendable("owner_id", "an owner, once", "", "string", "borrowers.parquet"),
    _lendable("rights", "how many it has", "", "int", "borrowers.parquet"),
    *(_lendable(name, f"sum over its rights{blank}", group="borrowers.parquet") for name, blank in (
        ("value", ""),
        *((f"largest_by_{one}", "; blank where it limits nothing on one of them") for one in ("loan_to_value", "expected_loss", "coverage")),
    )),
    _lendable("largest_principal", "the least of these sums; blank where nothing limits it", group="borrowers.parquet"),
    _lendable("binding_limit", _BINDS, "", "string", "borrowers.parquet"),
)  # fmt: skip

_CAPACITY = (
    _lendable(
        "by", "all; right_type; binding_limit, of rights; without an owner, of which the number alone is told", "", "string", "capacity.parquet"
    ),
    _lendable("name", "the right type or limit; blank for all of them together", "", "string", "capacity.parquet"),
    _lendable("rights", "how many", "", "int", "capacity.parquet"),
    _lendable("value", "sum over these rights", group="capacity.parquet"),
    _lendable("largest_principal", "sum over these rights; blank where nothing limits it on one of them", group="capacity.parquet"),
)

_EXPOSURES = (
    _exposures("by", "all; left out, and of these left out unread, whose principal is not known; borrower, sector or right_type"),
    _exposures("name", "the sector or right type; blank for all of them together"),
    _exposures("loans", "how many", "", "int"),
    _exposures("principal", "what is owed today", _MONEY, "float"),
    _exposures("concentration", "Herfindahl's index of principal: 1 where one has it all", "", "float"),
)

RESULTS: dict[str, dict[str, Column]] = {
    table: {column.name: column for column in columns}
    for table, columns in {
        "assets": _ASSETS,
        "groups": _GROUPS,
        "totals": _TOTALS,
        "rejects": _REJECTS,
        "scenarios": _SCENARIOS,
        "scenario_assets": _SCENARIO_ASSETS,
        "scenario_totals": _SCENARIO_TOTALS,
        "sensitivities": SENSITIVITIES,
        "sensitivity_assets": SENSITIVITY_ASSETS,
        "tornado": TORNADO,
        "indices": INDICES,
        "explain": _EXPLAIN,
        "explain_assets": _EXPLAIN_ASSETS,
        "lent": _LENT,
        "book": _BOOK,
        "losses": _LOSSES,
        "exposures": _EXPOSURES,
        "tranches": _TRANCHES,
        "tranche_losses": _TRANCHE_LOSSES,
        "lendable": _LENDABLE,
        "borrowers": _BORROWERS,
        "capacity": _CAPACITY,
    }.items()
}
