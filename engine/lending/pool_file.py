"""A pool of loans and how it is cut into tranches: a TOML file of the user's. docs/loans.md, docs/numerics.md §19, "Tranches"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ipvalue.files import toml_of
from ipvalue.lending.tranches import Deal
from ipvalue.schema import Source, Strict, validate

POOL, EXCESS, RESERVE = "pool", "excess_spread", "reserve"
"""What the results call the whole pool, and what meets its losses before tranches do."""

_NEAR = 1e-9

Part = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Tranche(Strict):
    """Where a tranche takes losses: from attachment to detachment, or by its size; parts of the pool."""

    name: Annotated[str, Field(min_length=1)]
    attachment: Part | None = None
    detachment: Part | None = None
    size: Part | None = None
    coupon: Part = 0.0

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.name in (POOL, EXCESS, RESERVE):
            raise ValueError(f"{self.name} is what the results call a row of their own: give the tranche another name")
        bounds = self.attachment is not None and self.detachment is not None
        if (self.size is None) != bounds or (self.attachment is None) != (self.detachment is None):
            raise ValueError(f"tranche {self.name}: give attachment and detachment, or size")
        if bounds and not self.attachment < self.detachment:  # type: ignore[operator]
            raise ValueError(f"tranche {self.name} attaches at {self.attachment:g} and detaches at {self.detachment:g}: it must detach above that")
        if self.size == 0.0:
            raise ValueError(f"tranche {self.name} has size 0: leave it out")
        return self


class Terms(Strict):
    """Which loans are in the pool, what of their losses is the seller's, and how its money is paid out."""

    where: str | None = None
    bearer: Literal["bank", "all"] = "bank"
    principal: Literal["sequential", "pro_rata"] = "sequential"
    fee: Part = 0.0
    reserve: Part = 0.0


class Cut(Strict):
    """A pool file; `tranches` from the most senior."""

    pool: Terms = Field(default_factory=Terms)
    tranche: Annotated[tuple[Tranche, ...], Field(strict=False, min_length=1)]
    source: str = ""

    @model_validator(mode="after")
    def _check(self) -> Self:
        names = [one.name for one in self.tranche]
        if repeated := [name for i, name in enumerate(names) if name in names[:i]]:
            raise ValueError(f"two tranches are called {repeated[0]}: give each its own name")
        sized = [one.size is not None for one in self.tranche]
        if any(sized) and not all(sized):
            raise ValueError("some tranches have a size and others an attachment: give all of them the same")
        if all(sized):
            _check_sizes([one.size or 0.0 for one in self.tranche])
        else:
            _check_bounds(self.tranches)
        return self

    @property
    def tranches(self) -> tuple[Tranche, ...]:
        """By attachment where they have one, else as they are listed."""
        return tuple(sorted(self.tranche, key=lambda one: -(one.attachment or 0.0)))

    @property
    def deal(self) -> Deal:
        """What the waterfall goes by."""
        tranches = self.tranches
        detachment, below = [], 0.0
        for one in reversed(tranches):
            below = one.detachment if one.detachment is not None else below + (one.size or 0.0)
            detachment.append(below)
        detachment[-1] = 1.0
        terms = self.pool
        return Deal(detachment[::-1], [one.coupon for one in tranches], terms.fee, terms.reserve, terms.principal == "pro_rata")


def load_cut(source: Source) -> Cut:
    """A pool file, or a mapping like one. Raises InputError naming file, key, value and rule."""
    content, name = (dict(source), "pool") if isinstance(source, Mapping) else (toml_of(source), str(source))
    return validate(Cut, content, name)


def _check_sizes(sizes: Sequence[float]) -> None:
    if abs((whole := sum(sizes)) - 1.0) > _NEAR:
        raise ValueError(f"the sizes of the tranches add up to {whole:.10g}, not to 1: they are parts of the pool, all of it")


def _check_bounds(tranches: Sequence[Tranche]) -> None:
    """The bounds are those of tranches that stand by attachment, from above."""
    ends = [(POOL, 1.0), *((one.name, float(one.attachment or 0.0)) for one in tranches)]
    for (above, attachment), one in zip(ends, tranches, strict=False):
        detachment = float(one.detachment or 0.0)
        if above == POOL and detachment != 1.0:
            raise ValueError(f"tranche {one.name} is the most senior and detaches at {detachment:g}: it must detach at 1")
        if abs(detachment - attachment) > _NEAR:
            raise ValueError(f"tranche {above} attaches at {attachment:g} and {one.name}, below it, detaches at {detachment:g}: they must meet")
    name, lowest = ends[-1]
    if lowest != 0.0:
        raise ValueError(f"tranche {name} is the lowest and attaches at {lowest:g}: it must attach at 0")
