"""One pass over the rows of a stored table for all the tasks of a process that read parts of them.

A large row group can only be decoded from its start. Tasks that are cut from the same one take their rows from one
stream, which goes as far as the furthest of them asks and keeps what the others have yet to read.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Batches = Generator[pa.RecordBatch, None, None]

KEPT_ROWS = 131_072
"""Most rows that a stream keeps for tasks that have not begun: one may begin a little before its predecessor."""
IDLE_STREAMS = 1
"""Most streams that stay open while no task reads them, beside the one that a task has just begun to read."""


@dataclass
class _Part:
    """The rows that one task still wants: from `row` until `stop`, counted from the stream's first; none where it has ended."""

    row: int
    stop: int


@dataclass
class _Piece:
    """A decoded batch, and how many of its rows nobody has taken."""

    start: int
    batch: pa.RecordBatch
    left: int

    @property
    def stop(self) -> int:
        return self.start + int(self.batch.num_rows)

    def common(self, start: int, stop: int) -> int:
        """How many of its rows lie in a range."""
        return max(min(self.stop, stop) - max(self.start, start), 0)


class Streams:
    """The streams that the tasks of one run share within a process; each of its copies in other processes begins without any.

    Every row is expected to be wanted once. A task that wants rows which are gone (a retry, say) opens a stream of its own.
    wanted: by path, (rows,) the rows of a file that any task wants, where that is known.
    """

    def __init__(self, wanted: Mapping[str, npt.NDArray[np.bool_]] | None = None) -> None:
        self.wanted = wanted or {}
        self._lock = threading.Lock()
        self._streams: list[_Stream] = []  # the one joined last is last

    def __reduce__(self) -> tuple[type[Streams], tuple[Mapping[str, npt.NDArray[np.bool_]]]]:
        return Streams, (self.wanted,)

    def few(self, path: str, rows: slice) -> npt.NDArray[np.bool_] | None:
        """Which of those rows of a file are wanted, where that is known and they may all be kept until they are."""
        if path not in self.wanted or np.count_nonzero(self.wanted[path][rows]) > KEPT_ROWS:
            return None
        return self.wanted[path][rows]

    def rows(self, key: object, batches: Callable[[], Batches], rows: int, start: int, stop: int) -> Iterator[pa.RecordBatch]:
        """The rows from `start` until `stop` of the `rows` that `batches()` yields, as slices of its batches. The same `key` means the same rows.

        What goes wrong within `batches()` is raised for every task that wants rows behind that point.
        """
        part = _Part(start, stop)
        stream = self._join(key, batches, rows, part)
        try:
            while (batch := stream.take(part)) is not None:
                yield batch
        finally:
            # no more than this: Python may end an abandoned iterator anywhere, even while this thread holds a lock
            part.row = part.stop

    def release(self) -> None:
        """Close all streams: at once those that nobody reads, the others with their last reader."""
        with self._lock:
            for stream in self._streams:
                stream.close_if_idle()
            self._streams = []

    def _join(self, key: object, batches: Callable[[], Batches], rows: int, part: _Part) -> _Stream:
        """The stream that has the least to decode before `part`, else a new one."""
        with self._lock:
            self._streams = [stream for stream in self._streams if not stream.spent]
            candidates = sorted((stream for stream in self._streams if stream.key == key), key=lambda stream: -stream.reached)
            joined = next((stream for stream in candidates if stream.admit(part)), None)
            if joined is None:
                joined = _Stream(key, batches(), rows)
                joined.admit(part)
            else:
                self._streams.remove(joined)
            idle = [stream for stream in self._streams if stream.idle]
            for stream in idle[:-IDLE_STREAMS]:
                stream.close_if_idle()
                self._streams.remove(stream)
            self._streams.append(joined)
            return joined


class _Stream:
    """Batches as they are decoded, in order, and those of them that are still wanted."""

    def __init__(self, key: object, batches: Batches, rows: int) -> None:
        self.key = key
        self.reached = 0
        self._rows = rows
        self._batches = batches
        self._lock = threading.Lock()
        self._parts: list[_Part] = []
        self._pieces: list[_Piece] = []
        self._error: BaseException | None = None

    @property
    def idle(self) -> bool:
        """Whether no task reads it."""
        return all(part.row >= part.stop for part in self._parts)

    @property
    def spent(self) -> bool:
        """Whether there is nothing more to be had."""
        return self._error is not None or (self.reached >= self._rows and not self._pieces)

    def admit(self, part: _Part) -> bool:
        """Keep what a part wants from now on; False where some of it is gone."""
        with self._lock:
            decoded = max(min(part.stop, self.reached) - part.row, 0)
            if self._error is not None or sum(piece.common(part.row, part.stop) for piece in self._pieces) < decoded:
                return False
            self._parts.append(part)
            return True

    def take(self, part: _Part) -> pa.RecordBatch | None:
        """The next rows of a part: those of one batch. None where there are no more."""
        with self._lock:
            if part.row >= part.stop:
                return None
            while self.reached <= part.row:
                if not self._advance():
                    return None
            piece = next(piece for piece in self._pieces if piece.start <= part.row < piece.stop)
            inside = piece.batch.slice(part.row - piece.start, part.stop - part.row)
            part.row += inside.num_rows
            piece.left -= inside.num_rows
            self._drop()
            return inside

    def close_if_idle(self) -> None:
        with self._lock:
            if self.idle:
                self._batches.close()
                self._pieces = []

    def _advance(self) -> bool:
        """Decode one batch; False at the end."""
        if self._error is not None:
            raise self._error.with_traceback(None)
        try:
            batch = next(self._batches, None)
        except BaseException as error:
            self._error = error
            raise
        if batch is None:
            return False
        self._pieces.append(_Piece(self.reached, batch, batch.num_rows))
        self.reached += batch.num_rows
        if self.reached >= self._rows:
            self._batches.close()
        self._drop()
        return True

    def _drop(self) -> None:
        """Let go of the batches that no task at work wants and that have been read, or are too many to keep."""
        self._parts = [part for part in self._parts if part.row < part.stop]
        kept, unclaimed = [], 0
        for piece in reversed(self._pieces):
            wanted = any(piece.common(part.row, part.stop) for part in self._parts)
            unclaimed += piece.batch.num_rows if piece.left > 0 and not wanted else 0
            if wanted or (piece.left > 0 and unclaimed <= KEPT_ROWS):
                kept.append(piece)
        self._pieces = kept[::-1]
