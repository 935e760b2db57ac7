"""A finished result, looked through: its files, counts and sums, and rights re-derived from their inputs, compared bit for bit."""

from ipvalue.verify.findings import Findings
from ipvalue.verify.rights import Derived, derive, differences
from ipvalue.verify.verify import Verified, looked_through, open_to_verify, reopened_inputs, verify

__all__ = ["Derived", "Findings", "Verified", "derive", "differences", "looked_through", "open_to_verify", "reopened_inputs", "verify"]
