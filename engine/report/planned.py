"""A plan in lines: what a run will take."""

from __future__ import annotations

from ipvalue.amounts import count
from ipvalue.memory import size
from ipvalue.planning import Plan


def plan_lines(plan: Plan) -> list[tuple[str, str, str]]:
    """What is meant, how much of it, and what to know beside."""
    aside = f"{count(plan.rows - plan.assets, 'row')} of {plan.rows:,} set aside" if plan.assets < plan.rows else ""
    free = "" if plan.free_bytes is None else f", {size(plan.free_bytes)} are free"
    return [
        ("rights", f"{plan.assets:,}", aside),
        ("path-periods", f"{plan.path_periods:,}", "paths × periods of all rights"),
        ("tasks", f"{plan.tasks:,}", f"part files; {count(plan.groups, 'group')}"),
        ("CPU time", duration(plan.cpu_seconds), "of all processors together"),
        ("time", duration(plan.wall_seconds), f"on {count(plan.workers, 'worker')}, as busy as the machine is now"),
        ("memory", size(plan.memory_bytes), f"of which the program itself {size(plan.program_bytes)}"),
        ("", size(plan.memory_limit), "may be used beside the program"),
        ("disk", size(plan.disk_bytes), f"{size(plan.working_bytes)} while it runs{free}"),
    ]


def sampled(plan: Plan) -> str:
    """What the plan stands on, in a sentence."""
    return f"From {count(plan.sampled, 'right')} valued as a sample; times are good to about a quarter."


def duration(seconds: float) -> str:
    """ "5 s", "12 min", "3 h 20 min"."""
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60:,} h {minutes % 60} min"
