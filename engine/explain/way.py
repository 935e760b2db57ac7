"""What both kinds of right share on their way from one result to the other.

a = rights
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ipvalue.explain.ledger import Words
from ipvalue.explain.stages import SAMPLING, Stage
from ipvalue.rows import Floats
from ipvalue.schema import InputError


@dataclass(frozen=True)
class Way:
    """The stages from one result to the other, where these two are, and whether another engine made the old one."""

    stages: Sequence[Stage]
    old: str
    new: str
    other_engine: bool

    def which(self, stage: int) -> int:
        """Which of the two samplings the series of a stage are of: 0 until the step that exchanges them."""
        return int(any(one.step == SAMPLING for one in self.stages[: stage + 1]))

    @property
    def is_paired(self) -> bool:
        """Whether a path of a right draws the same numbers before and after that step."""
        first, last = (one.sampling for one in (self.stages[0].appraiser, self.stages[-1].appraiser) if one is not None)
        return all(getattr(first, name) == getattr(last, name) for name in ("seed", "sampler", "paths", "tolerance"))

    @property
    def touches_all(self) -> bool:
        """Whether more is exchanged than cells of rows."""
        return self.other_engine or sum(stage.of_all for stage in self.stages) > 1


@dataclass(frozen=True)
class Touch:
    """What one step did to some rights: their ids, amounts (a, 2) in units of 10⁻⁶ and standard errors (a,), NaN where not known."""

    step: str
    ids: pa.Array
    amounts: Words
    errors: Floats


def agree(ids: pa.Array, stored: Floats, given: Floats, where: str) -> None:
    """Raises InputError where the values (a,) of a result are not those that its inputs give."""
    if len(wrong := np.flatnonzero(stored != given)):
        one = int(wrong[0])
        raise InputError(
            f"{where}: {ids[one].as_py()!r} is worth {float(stored[one])!r} there, and its inputs give {float(given[one])!r}: value it again"
        )
