"""Why a portfolio's value moved from one result to another: a waterfall of revaluations (docs/explain.md)."""

from ipvalue.explain.explanation import RECORD, Explanation, explain, explain_into, open_explanation

__all__ = ["RECORD", "Explanation", "explain", "explain_into", "open_explanation"]
