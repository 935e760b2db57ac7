"""Every column of every table, what a value may be, and the errors and rejects that follow from it."""

from ipvalue.schema.calibration import CALIBRATION, INPUTS
from ipvalue.schema.column import LONGEST_LIST, Column
from ipvalue.schema.describe import TABLES, columns_page, describe
from ipvalue.schema.errors import InputError, IpvalueError, RunError, did_you_mean, did_you_mean_file, nearest
from ipvalue.schema.loans import AMORTISATIONS, EXPOSURE_CLASSES, LARGEST_RATE, LOANS, LONGEST_TERM, TRANCHE_RATINGS
from ipvalue.schema.portfolio import (
    CURRENCY_CODE,
    DISTRIBUTIONS,
    FILLABLE,
    INCOME_METHODS,
    LINKED,
    METHODS,
    PENDING,
    PORTFOLIO,
    PRICE_METHODS,
    RENEWABLE,
    RIGHT_TYPES,
    STAGES,
    UNCERTAIN,
)
from ipvalue.schema.rejects import ENDS_PROCESS, REJECTS_SCHEMA, BrokenRule, Rejects
from ipvalue.schema.result_columns import IN_PERCENT, quantile_name, quantile_of, result_column
from ipvalue.schema.strict import Currency, Finite, Strict, validate
from ipvalue.schema.tables import MARKET, RESULTS
from ipvalue.schema.toml import Source, parse_toml, read_toml

__all__ = [
    "AMORTISATIONS",
    "CALIBRATION",
    "CURRENCY_CODE",
    "DISTRIBUTIONS",
    "ENDS_PROCESS",
    "EXPOSURE_CLASSES",
    "FILLABLE",
    "INCOME_METHODS",
    "INPUTS",
    "IN_PERCENT",
    "LARGEST_RATE",
    "LINKED",
    "LOANS",
    "LONGEST_LIST",
    "LONGEST_TERM",
    "MARKET",
    "METHODS",
    "PENDING",
    "PORTFOLIO",
    "PRICE_METHODS",
    "REJECTS_SCHEMA",
    "RENEWABLE",
    "RESULTS",
    "RIGHT_TYPES",
    "STAGES",
    "TABLES",
    "TRANCHE_RATINGS",
    "UNCERTAIN",
    "BrokenRule",
    "Column",
    "Currency",
    "Finite",
    "InputError",
    "IpvalueError",
    "Rejects",
    "RunError",
    "Source",
    "Strict",
    "columns_page",
    "describe",
    "did_you_mean",
    "did_you_mean_file",
    "nearest",
    "parse_toml",
    "quantile_name",
    "quantile_of",
    "read_toml",
    "result_column",
    "validate",
]
