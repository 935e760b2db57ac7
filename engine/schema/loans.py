"""Every column of the loans table and of the table that tranches of loans are rated by: docs/loans.md, docs/numerics.md §19."""

from __future__ import annotations

from ipvalue.constants import MAX_HORIZON_YEARS
from ipvalue.schema.column import Column
from ipvalue.schema.portfolio import CURRENCY_CODE, MOST_MONEY

AMORTISATIONS = ("bullet", "level", "annuity", "schedule")
EXPOSURE_CLASSES = ("corporate", "sme", "other_retail")

LONGEST_TERM = float(MAX_HORIZON_YEARS)
LARGEST_RATE = 10.0
LAST_RANK = 1e9

_LOAN, _PLEDGE, _MONEY, _DEFAULT = "the loan", "what is pledged", "money", "default"
_SHARES, _COMPARED, _COVENANT = "who bears the loss", "limits and capital", "covenant"
_CURRENCY = "loan's currency"
_SOURCE = "numerics §19"


def _text(name: str, meaning: str, group: str, *, required: bool = False) -> Column:
    return Column(name, "string", meaning, group, required=required, source=_SOURCE)


def _number(
    name: str,
    meaning: str,
    group: str,
    unit: str,
    low: float,
    high: float | None,
    *,
    default: float | None = None,
    low_open: bool = False,
    required: bool = False,
) -> Column:
    return Column(name, "float", meaning, group, unit, default, low, high, low_open, required=required, source=_SOURCE)


def _share(name: str, meaning: str, group: str, default: float | None = None) -> Column:
    return _number(name, meaning, group, "fraction", 0.0, 1.0, default=default)


def _part(name: str, meaning: str, group: str) -> Column:
    """A part of a value, which may be above the whole."""
    return _number(name, meaning, group, "fraction", 0.0, None, low_open=True)


_COLUMNS = (
    _text("loan_id", "the loan's name, unique in the table; where ranks leave a choice, loans take in its order", _LOAN, required=True),
    _text("borrower_id", "who owes it; loans of one borrower default together, and its random numbers follow from it; a blank: loan_id", _LOAN),
    #
    Column("asset_ids", "string_list", "the rights that are pledged, by their asset_id in the portfolio", _PLEDGE, required=True, source=_SOURCE),
    Column(
        "pledge_ranks",
        "int_list",
        "rank of the loan on each of asset_ids, 1 before 2; a blank: 1 on all",
        _PLEDGE,
        low=1.0,
        high=LAST_RANK,
        source=_SOURCE,
    ),
    _share("liquidation_discount", "what a sale of the rights takes off; a blank: that of a forced sale, by right type", _PLEDGE),
    _number("liquidation_lag", "time until the money of a sale is there; a blank: that of a forced sale", _PLEDGE, "years", 0.0, LONGEST_TERM),
    #
    _number("principal", "what is owed at the valuation date", _MONEY, _CURRENCY, 0.0, MOST_MONEY, low_open=True, required=True),
    Column("currency", "string", "of the loan's money; a blank: the market's", _MONEY, form=CURRENCY_CODE, source=_SOURCE),
    _number("rate", "interest, annual effective", _MONEY, "a year", 0.0, LARGEST_RATE, required=True),
    _number("term", "time until the last payment", _MONEY, "years", 0.0, LONGEST_TERM, low_open=True, required=True),
    Column(
        "amortisation",
        "choice",
        "bullet: all at the end; level: equal parts of principal; annuity: equal payments; schedule: as listed",
        _MONEY,
        "",
        AMORTISATIONS[0],
        choices=AMORTISATIONS,
        source=_SOURCE,
    ),
    Column(
        "schedule",
        "float_list",
        "principal repaid at the end of each year, the last part-year too; together principal",
        _MONEY,
        _CURRENCY,
        None,
        0.0,
        MOST_MONEY,
        source=_SOURCE,
    ),
    _number("unsecured_rate", "what the borrower would pay without the pledge", _MONEY, "a year", 0.0, LARGEST_RATE),
    _number("guarantee_fee", "on the balance at each year's start, beside interest", _MONEY, "a year", 0.0, LARGEST_RATE, default=0.0),
    #
    _share("pd", "probability of default in a year, given none before; or rating, or pd_curve", _DEFAULT),
    _text("rating", "name in the table of ratings", _DEFAULT),
    Column(
        "pd_curve",
        "float_list",
        "cumulative probability of default by the end of years 1, 2, …; afterwards as in its last year",
        _DEFAULT,
        "fraction",
        None,
        0.0,
        1.0,
        source=_SOURCE,
    ),
    _text("sector", "the market's factor that the borrower follows", _DEFAULT),
    _number(
        "factor_loading",
        "correlation of the borrower with the sector's factor; a blank: root of the asset correlation of exposure_class",
        _DEFAULT,
        "",
        -1.0,
        1.0,
    ),
    #
    _text("programme", "name of a programme that shares the loss; or the shares below", _SHARES),
    _share("fund_share", "part of the loss that a fund bears", _SHARES),
    _share("guarantor_share", "part that a guarantee company bears", _SHARES),
    _share("insurer_share", "part that an insurer bears", _SHARES),
    _share("appraiser_share", "part that the appraiser bears", _SHARES),
    _share("bank_share", "part that the bank bears; a blank: the rest", _SHARES),
    #
    _text("policy", "name of a policy that says how much is lent at most", _COMPARED),
    _part("loan_to_value_cap", "cap whose breach is reported, a part of the collateral; a blank: the policy's, by right type", _COMPARED),
    Column(
        "exposure_class",
        "choice",
        "class of the risk weight",
        _COMPARED,
        "",
        EXPOSURE_CLASSES[0],
        choices=EXPOSURE_CLASSES,
        source=_SOURCE,
    ),
    _number("turnover", "the borrower's annual sales; counts for the class sme", _COMPARED, "millions of euros", 0.0, None, default=50.0),
    #
    _part("covenant_trigger", "a margin call where the balance is above this part of the collateral", _COVENANT),
    _part("covenant_target", "what a call brings the balance down to, as a part of the collateral; a blank: covenant_trigger", _COVENANT),
    _number(
        "covenant_release", "collateral is released as long as the balance is below this part of it", _COVENANT, "fraction", 0.0, None, default=0.0
    ),
    _share("covenant_cure", "probability that a call is met", _COVENANT, default=1.0),
)

LOANS: dict[str, Column] = {column.name: column for column in _COLUMNS}

TRANCHE_RATINGS: dict[str, Column] = {
    "rating": Column("rating", "string", "its name; the best rating stands first", "a table of ratings of tranches", required=True, source=_SOURCE),
    "expected_loss": Column(
        "expected_loss",
        "float_list",
        "the most that a tranche may be expected to lose over 1, 2, … years of average life; linear between them, flat after the last",
        "a table of ratings of tranches",
        "fraction",
        None,
        0.0,
        1.0,
        required=True,
        source=_SOURCE,
    ),
}
