"""Tables of ratings: the cumulative probability of default by year, as rating agencies print it. docs/numerics.md §19, "Probability of default"."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Self

from pydantic import Field, model_validator

from ipvalue.files import toml_of
from ipvalue.schema import LONGEST_LIST, Source, Strict, validate

Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Ratings = Mapping[str, tuple[float, ...]]


class _File(Strict):
    rating: dict[str, Annotated[tuple[Probability, ...], Field(strict=False)]] = Field(default_factory=dict)
    source: str = ""

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name, curve in self.rating.items():
            if not 1 <= len(curve) <= LONGEST_LIST:
                raise ValueError(f"rating.{name} has {len(curve)} entries: give 1 to {LONGEST_LIST}, one a year")
            for before, after in pairwise(curve):
                if after < before:
                    raise ValueError(f"rating.{name} is cumulative and must not fall, but {after:g} follows {before:g}")
        return self


def load_ratings(source: Source) -> Ratings:
    """Cumulative probabilities of default at the ends of years 1, 2, … by rating, of a TOML file or a mapping like one.

    Raises InputError naming file, key, value and rule.
    """
    content, name = (dict(source), "ratings") if isinstance(source, Mapping) else (toml_of(source), str(source))
    return dict(validate(_File, content, name).rating)
