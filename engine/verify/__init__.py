"""A finished result, looked through: its files, counts and sums, and rights re-derived from their inputs, compared bit for bit."""

from ipvalue.verify.bits import same_number
from ipvalue.verify.rights import Derived, derive, differences
from ipvalue.verify.verify import Progress, Verified, compare_one, done_here, looked_through, open_to_verify, reopened_inputs, verify

__all__ = [
    "Derived",
    "Progress",
    "Verified",
    "compare_one",
    "derive",
    "differences",
    "done_here",
    "looked_through",
    "open_to_verify",
    "reopened_inputs",
    "same_number",
    "verify",
]
