"""Thrift's compact protocol, in which Parquet keeps its records: where the fields of a struct stand, so that some are exchanged and the others
stay the bytes that they are (github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Field = tuple[int, int]
"""Where the value of a field begins, and where it ends."""


@dataclass(frozen=True)
class Struct:
    """A struct: where it begins, where it ends, and its fields by their numbers."""

    start: int
    stop: int
    fields: Mapping[int, Field]


_SINGLE = {1: 0, 2: 0, 3: 1, 7: 8}
"""Types whose values are of one size: true, false, byte, double. Parquet has no maps."""
_NUMBERS, _BINARY, _LISTS, _STRUCT = (4, 5, 6), 8, (9, 10), 12


@dataclass(frozen=True)
class Records:
    """Bytes that hold structs, each gone through once. Raises ValueError, IndexError or KeyError where there is none."""

    content: bytes
    _known: dict[int, Struct] = field(default_factory=dict)

    def struct(self, at: int) -> Struct:
        """The struct that begins at `at`."""
        if at in self._known:
            return self._known[at]
        content, start, number = self.content, at, 0
        found: dict[int, Field] = {}
        while head := content[at]:
            at += 1
            if head >> 4:
                number += head >> 4
            else:
                number, at = _signed(content, at)
            first, kind = at, head & 15
            if kind in _NUMBERS:  # most are
                while content[at] > 127:
                    at += 1
                at += 1
            else:
                at = self._end(at, kind)
            found[number] = first, at
        self._known[start] = one = Struct(start, at + 1, found)
        return one

    def structs(self, at: int) -> list[Struct]:
        """Those of the list that begins at `at`."""
        count, at = self._elements(at)
        found = []
        for _ in range(count):
            found.append(self.struct(at))
            at = found[-1].stop
        return found

    def integer(self, where: Field) -> int:
        """The value of a field that is a whole number."""
        return _signed(self.content, where[0])[0]

    def text(self, where: Field) -> str:
        """The first of the texts in a list."""
        _, at = self._elements(where[0])
        size, at = _unsigned(self.content, at)
        return self.content[at : at + size].decode()

    def exchanged(self, start: int, stop: int, values: Mapping[Field, int]) -> bytes:
        """The bytes from `start` until `stop`, with other whole numbers in those fields."""
        pieces, at = [], start
        for where in sorted(values):
            pieces += [self.content[at : where[0]], _written(values[where])]
            at = where[1]
        return b"".join([*pieces, self.content[at:stop]])

    def _elements(self, at: int) -> tuple[int, int]:
        """How many elements the list has that begins at `at`, and where the first begins."""
        count = self.content[at] >> 4
        return (count, at + 1) if count < 15 else _unsigned(self.content, at + 1)

    def _end(self, at: int, kind: int) -> int:
        """Where a value of a type ends that begins at `at`."""
        if kind == _STRUCT:
            return self.struct(at).stop
        if kind == _BINARY:
            size, at = _unsigned(self.content, at)
            return at + size
        if kind in _LISTS:
            inside = self.content[at] & 15
            count, at = self._elements(at)
            if inside in (1, 2):  # of a list, a byte each
                return at + count
            for _ in range(count):
                at = self._end(at, inside)
            return at
        if kind in _NUMBERS:
            return _signed(self.content, at)[1]
        return at + _SINGLE[kind]


def _unsigned(content: bytes, at: int) -> tuple[int, int]:
    """Seven bits a byte, the lowest first; and where it ends."""
    number = shift = 0
    while (byte := content[at]) > 127:
        number |= (byte & 127) << shift
        shift, at = shift + 7, at + 1
    return number | byte << shift, at + 1


def _signed(content: bytes, at: int) -> tuple[int, int]:
    """Zigzag: 0, −1, 1, −2 … are 0, 1, 2, 3 …; and where it ends."""
    number, at = _unsigned(content, at)
    return number >> 1 ^ -(number & 1), at


def _written(number: int) -> bytes:
    number = number << 1 if number >= 0 else -number * 2 - 1
    written = bytearray()
    while number > 127:
        written.append(number & 127 | 128)
        number >>= 7
    written.append(number)
    return bytes(written)
