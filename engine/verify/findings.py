"""What is found wrong with a result: sentences, the first of each kind told and the others counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

MOST_TOLD = 10
"""Problems of one kind that are told one by one."""


@dataclass
class Findings:
    """Problems by kind, in the order in which they were found."""

    told: dict[str, list[str]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, *sentences: str) -> None:
        """Takes in problems of a kind."""
        told = self.told.setdefault(kind, [])
        told.extend(sentences[: MOST_TOLD - len(told)])
        self.counts[kind] += len(sentences)

    def merge(self, other: Findings) -> None:
        """Takes over the problems of `other`."""
        for kind, sentences in other.told.items():
            before = self.counts[kind]
            self.add(kind, *sentences)
            self.counts[kind] = before + other.counts[kind]

    def __len__(self) -> int:
        return self.counts.total()

    def sentences(self) -> tuple[str, ...]:
        """All of them."""
        found: list[str] = []
        for kind, told in self.told.items():
            more = self.counts[kind] - len(told)
            found += [*told, *([f"and {more:,} more {kind}"] if more else [])]
        return tuple(found)
