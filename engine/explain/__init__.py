"""Why a portfolio's value moved from one result to another: a waterfall of revaluations (docs/explain.md)."""

from ipvalue.explain.explanation import Explanation, explain, explain_into

__all__ = ["Explanation", "explain", "explain_into"]
