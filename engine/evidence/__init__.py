"""The valuation of one right, taken apart: inputs with their origins, formulas in numbers, standards, result, versions and hashes."""

from ipvalue.evidence.evidence import JSON, PAGE, PERIODS, Evidence, evidence

__all__ = ["JSON", "PAGE", "PERIODS", "Evidence", "evidence"]
