"""A plan in lines: what a run will take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipvalue.amounts import count
from ipvalue.memory import size
from ipvalue.planning import Plan

if TYPE_CHECKING:
    from ipvalue.loan_book.planning import LoanPlan


def plan_lines(plan: Plan) -> list[tuple[str, str, str]]:
    """What is meant, how much of it, and what to know beside."""
    aside = f"{count(plan.rows - plan.assets, 'row')} of {plan.rows:,} set aside" if plan.assets < plan.rows else ""
    free = "" if plan.free_bytes is None else f", {size(plan.free_bytes)} are free"
    lines = [
        ("rights", f"{plan.assets:,}", aside),
        ("path-periods", f"{plan.path_periods:,}", "paths × periods of all rights"),
        ("tasks", f"{plan.tasks:,}", f"part files; {count(plan.groups, 'group')}"),
        ("CPU time", duration(plan.cpu_seconds), "of all processors together"),
        ("time", duration(plan.wall_seconds), f"on {count(plan.workers, 'worker')}, as busy as the machine is now"),
        ("memory", size(plan.memory_bytes), f"of which the program itself {size(plan.program_bytes)}"),
        ("", size(plan.memory_limit), "may be used beside the program"),
        ("disk", size(plan.disk_bytes), f"{size(plan.working_bytes)} while it runs{free}"),
    ]
    return lines if plan.lending is None else [*lines, *_loans(plan, plan.lending)]


def _loans(plan: Plan, loans: LoanPlan) -> list[tuple[str, str, str]]:
    """The same of lending, and of both one after the other."""
    aside = f"; {count(loans.set_aside, 'row')} of {loans.loans + loans.set_aside:,} set aside" if loans.set_aside else ""
    whole = plan.together
    return [
        ("", "", ""),
        ("loans", f"{loans.loans:,}", f"against {count(loans.rights, 'right')}{aside}"),
        ("tasks", f"{loans.tasks:,}", ""),
        ("CPU time", duration(loans.cpu_seconds), ""),
        ("time", duration(loans.wall_seconds), "after the valuation"),
        ("memory", size(loans.memory_bytes), "of which the program itself with its inputs is part"),
        ("disk", size(loans.disk_bytes), f"{size(loans.working_bytes)} while it runs, and {size(loans.copied_bytes)} for a copy of the rights"),
        ("", "", ""),
        (
            "all",
            duration(whole.wall_seconds),
            f"{duration(whole.cpu_seconds)} of CPU time, {size(whole.memory_bytes)} of memory, {size(whole.disk_bytes)} of disk",
        ),
    ]


def sampled(plan: Plan) -> str:
    """What the plan stands on, in a sentence."""
    lent = f" and {count(plan.lending.sampled, 'loan')} lent" if plan.lending else ""
    return f"From {count(plan.sampled, 'right')} valued{lent} as a sample; times are good to about a quarter."


def duration(seconds: float) -> str:
    """ "5 s", "12 min", "3 h 20 min"."""
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60:,} h {minutes % 60} min"
