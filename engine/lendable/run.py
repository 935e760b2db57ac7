"""How much may be lent on each right of a portfolio and to each owner, without a table of loans: opened, planned and found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ipvalue.backend import kernel
from ipvalue.execute import Outcome, Progress, value_portfolio
from ipvalue.inputs import Inputs, opened, reopened
from ipvalue.lendable.tables import write_lendable
from ipvalue.lendable.work import Loan, Register, run_register
from ipvalue.lending.policy import SHIPPED, Policy, Terms, load_policies, policy_of
from ipvalue.lending.ratings import Ratings, load_ratings
from ipvalue.loan_book.capped import Sales
from ipvalue.receipt import Receipt
from ipvalue.schema import InputError, Source, did_you_mean
from ipvalue.store import Store
from ipvalue.totals import Totals
from ipvalue.valuation import job_without_quantiles
from ipvalue.work import Work

"""A TOML file, or a mapping like one."""

COMMAND = "lend --largest"
OPTIONS = ("paths", "seed", "sampler", "precision", "workers", "scheduler", "memory", "backend", "rows_per_task")
"""The options of `value` that the limits follow from, or are found by."""
_YEAR = Terms(rate=0.0, term=1.0, pd=0.0, factor_loading=0.0, liquidation_discount=0.0, liquidation_lag=0.0)
"""Terms that nothing follows from, for a policy that needs none."""


def largest_into(
    portfolio: object,
    market: object,
    assumptions: str | Path,
    *,
    ratings: Source | None,
    policies: Source | None,
    policy: str | None,
    options: Mapping[str, Any],
    out: str,
    overwrite: bool,
    resume: bool,
    keep: bool = True,
    progress: Progress | None = None,
) -> Outcome:
    """Finds how much may be lent into a results directory and says what came of it."""
    store = Store(out)
    store.check_free(overwrite=overwrite, resume=resume)
    job, _ = job_without_quantiles(options, OPTIONS, "lend --largest", None)
    of_bank = _named(policy, load_policies(policies or SHIPPED))
    pd = _probabilities(str(policy), of_bank, load_ratings(ratings) if ratings else {})
    with store.locked(), kernel.DefaultArithmetic(), opened(portfolio, market, assumptions, job, out) as inputs:
        terms = {"lendable": {"policy": policy, "terms": of_bank.model_dump(mode="json"), "pd": list(pd)}}
        ways: dict[str, Any] = {"overwrite": overwrite, "resume": resume, "keep": keep, "progress": progress, "command": COMMAND}
        return value_portfolio(replace(inputs, besides=terms), whole=lambda these: _work(these, of_bank, pd), **ways)


@contextmanager
def reopened_register(manifest: Mapping[str, Any], out: str = ".", **options: Any) -> Iterator[tuple[Inputs, Register]]:
    """What a finished result was made of, opened again from its manifest alone, as `inputs.reopened` does. Raises InputError."""
    recorded = manifest["inputs"]["lendable"]
    name = recorded["policy"]
    policy = load_policies({"policy": {name: recorded["terms"]}})[name]
    with reopened(manifest, out, **options) as inputs:
        yield inputs, _register(inputs, policy, recorded["pd"])


def _named(name: str | None, policies: Mapping[str, Policy]) -> Policy:
    """Raises InputError where the policy is not there, or limits nothing."""
    if name is None:
        raise InputError(f"whose policy? Give --policy (policies: {', '.join(policies)})")
    policy = policy_of(name, policies)
    if not policy.loan_to_value and not policy.on_paths:
        raise InputError(f"policy {name} limits nothing that can be lent on a right: give it loan_to_value, expected_loss or coverage")
    if policy.on_paths and policy.terms is None:
        raise InputError(f"policy {name} limits {_limited(policy)}, which is of a loan: give it [policy.{name}.terms], with rate, term and pd")
    return policy


def _limited(policy: Policy) -> str:
    return " and ".join(name for name, one in (("expected_loss", policy.expected_loss), ("coverage", policy.coverage)) if one is not None)


def _terms(policy: Policy) -> Terms:
    """Those of the policy's loan, where anything follows from them."""
    return (policy.terms if policy.on_paths else None) or _YEAR


def _probabilities(name: str, policy: Policy, ratings: Ratings) -> Sequence[float]:
    """Of default of the policy's loan, by the ends of years 1, 2, … Raises InputError where its rating is not in the table."""
    terms = _terms(policy)
    if terms.rating is not None and terms.rating not in ratings:
        mend = did_you_mean(terms.rating, ratings) or ": give --ratings with it, or pd"
        raise InputError(f"policy {name}: terms.rating is {terms.rating!r}, which the table of ratings does not have{mend}")
    return [float(terms.pd or 0.0)] if terms.rating is None else ratings[terms.rating]


def _register(inputs: Inputs, policy: Policy, pd: Sequence[float]) -> Register:
    """What its tasks share. Half of the memory that a worker may take is for what stands behind rights, the rest for their vectors."""
    run, loan = inputs.run, Loan.of(_terms(policy), np.array(pd, np.float64))
    left = run.appraiser.chunk_bytes or 0
    run = replace(run, appraiser=replace(run.appraiser, chunk_bytes=left // 4))
    factors = {name: place for place, name in enumerate(inputs.market.factor_order)}
    register = Register(run, policy, loan, factors, Sales(inputs.assumptions, run.appraiser.tables), left // 2)
    _ = register.at_once  # refused before anything is computed
    return register


def _work(inputs: Inputs, policy: Policy, pd: Sequence[float]) -> Work:
    """All rows."""
    register = _register(inputs, policy, pd)
    begun = Receipt(Totals((), 0, 0, inputs.run.job.backend))
    return Work(inputs.tasks, run_register, register, begun, (inputs.portfolio,), (inputs.first_file,), tables=write_lendable)
