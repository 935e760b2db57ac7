"""Tasks that read parts of the same row groups share one pass over them: each gets its rows, and hardly any is decoded twice."""

from __future__ import annotations

import gc
import os
import pickle
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ipvalue
from ipvalue import spread
from ipvalue.intake import Portfolio, Streams, Unit, open_portfolio, read, scan, shared, stored
from ipvalue.schema import InputError

ROWS, STEP = 1_000, 64


class Source:
    """Rows 0, 1, … in batches; says how many it has decoded and how many of its passes are open."""

    def __init__(self, rows: int = ROWS, step: int = STEP) -> None:
        self.rows, self.step = rows, step
        self.decoded = self.opened = self.open = 0

    def __call__(self) -> shared.Batches:
        self.opened += 1
        self.open += 1
        try:
            for start in range(0, self.rows, self.step):
                batch = pa.record_batch({"row": np.arange(start, min(start + self.step, self.rows))})
                self.decoded += batch.num_rows
                yield batch
        finally:
            self.open -= 1


def part(streams: Streams, source: Source, start: int, stop: int) -> Iterator[pa.RecordBatch]:
    return streams.rows("source", source, source.rows, start, stop)


def numbers(batches: Iterator[pa.RecordBatch]) -> list[int]:
    return [row for batch in batches for row in batch["row"].to_pylist()]


def kept(streams: Streams) -> int:
    """Rows that the streams hold."""
    return sum(piece.batch.num_rows for stream in streams._streams for piece in stream._pieces)


# ---------------------------------------------------------------------------------------------------- who gets which rows


@given(
    rows=st.integers(1, 60),
    step=st.integers(1, 20),
    cuts=st.lists(st.integers(0, 60), max_size=8),
    at_work=st.integers(1, 4),
    bound=st.integers(0, 30),
    data=st.data(),
)
def test_every_part_gets_its_rows_in_order_however_they_take_turns(
    rows: int, step: int, cuts: list[int], at_work: int, bound: int, data: st.DataObject
) -> None:
    source, streams = Source(rows, step), Streams()
    ends = sorted({0, rows, *(cut for cut in cuts if cut < rows)})
    parts = list(pairwise(ends))
    waiting = parts if data.draw(st.booleans()) else data.draw(st.permutations(parts))
    again = data.draw(st.lists(st.sampled_from(parts), max_size=3))
    todo = [*waiting, *again]
    running: list[tuple[tuple[int, int], Iterator[pa.RecordBatch], list[int]]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shared, "KEPT_ROWS", bound)
        while todo or running:
            while todo and len(running) < at_work:
                one = todo.pop(0)
                running.append((one, part(streams, source, *one), []))
            turn = data.draw(st.integers(0, len(running) - 1))
            (start, stop), batches, got = running[turn]
            batch = next(batches, None)
            if batch is None:
                assert got == list(range(start, stop))
                running.pop(turn)
            else:
                assert 0 < batch.num_rows <= step
                got += batch["row"].to_pylist()
    streams.release()
    assert source.open == 0


def test_parts_one_after_the_other_decode_every_row_once_and_keep_one_batch() -> None:
    source, streams = Source(), Streams()
    for start in range(0, ROWS, 50):
        assert numbers(part(streams, source, start, start + 50)) == list(range(start, start + 50))
        assert kept(streams) <= STEP
    assert (source.opened, source.decoded, source.open) == (1, ROWS, 0)
    assert kept(streams) == 0


def test_parts_that_overlap_in_time_decode_every_row_once() -> None:
    source, streams = Source(), Streams()
    first = part(streams, source, 0, 300)
    next(first)
    second = part(streams, source, 300, 600)
    got = next(second)["row"].to_pylist()
    assert got[0] == 300
    assert kept(streams) <= 300 + STEP
    assert numbers(first) == list(range(STEP, 300))
    assert kept(streams) <= STEP
    assert got + numbers(second) == list(range(300, 600))
    assert source.decoded <= 600 + STEP
    assert source.opened == 1


def test_a_part_that_begins_before_its_predecessor_leaves_it_its_rows() -> None:
    source, streams = Source(), Streams()
    assert numbers(part(streams, source, 100, 200)) == list(range(100, 200))
    assert numbers(part(streams, source, 0, 100)) == list(range(100))
    assert (source.opened, source.decoded) == (1, 256)


def test_what_is_kept_for_parts_that_never_come_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "KEPT_ROWS", 3 * STEP)
    source, streams = Source(), Streams()
    for start in range(0, ROWS, 100):
        numbers(part(streams, source, start + 90, start + 100))
        assert kept(streams) <= 4 * STEP
    assert (source.opened, source.decoded) == (1, ROWS)


def test_a_part_that_is_read_again_opens_a_pass_of_its_own() -> None:
    source, streams = Source(), Streams()
    numbers(part(streams, source, 0, 500))
    assert numbers(part(streams, source, 0, 100)) == list(range(100))
    assert source.opened == 2
    assert numbers(part(streams, source, 500, 600)) == list(range(500, 600))
    assert source.opened == 2, "the first pass is the nearer one"


# ---------------------------------------------------------------------------------------------------- ends


def test_a_reader_that_is_given_up_neither_blocks_nor_leaks() -> None:
    source, streams = Source(), Streams()
    given_up, other = part(streams, source, 0, 500), part(streams, source, 500, ROWS)
    next(given_up)
    next(other)
    given_up.close()
    assert numbers(other)[-1] == ROWS - 1
    assert numbers(part(streams, source, 0, 500)) == list(range(500))
    streams.release()
    assert (source.open, kept(streams)) == (0, 0)


def test_released_passes_end_with_their_last_reader() -> None:
    source, streams = Source(), Streams()
    idle, read_on = Source(), part(streams, source, 0, 500)
    numbers(streams.rows("idle", idle, ROWS, 0, 10))
    next(read_on)
    streams.release()
    assert (idle.open, source.open) == (0, 1)
    assert numbers(read_on)[-1] == 499
    del read_on
    assert source.open == 0


def test_few_passes_stay_open_without_a_reader() -> None:
    sources, streams = [Source() for _ in range(5)], Streams()
    for key, source in enumerate(sources):
        numbers(streams.rows(key, source, ROWS, 0, 10))
    assert [source.open for source in sources] == [0, 0, 0, 1, 1]


def test_a_copy_in_another_process_begins_without_any() -> None:
    source, streams = Source(), Streams()
    numbers(part(streams, source, 0, 10))
    copied = pickle.loads(pickle.dumps(streams))
    assert isinstance(copied, Streams)
    assert kept(copied) == 0


def test_an_error_is_everyones_who_wants_what_lies_behind_it() -> None:
    def broken() -> shared.Batches:
        yield pa.record_batch({"row": np.arange(STEP)})
        raise OSError("damaged")

    streams = Streams()
    before, across, behind = (streams.rows("broken", broken, ROWS, *ends) for ends in ((0, 20), (20, 100), (100, 200)))
    assert next(across)["row"].to_pylist() == list(range(20, STEP))
    for batches in (behind, across, streams.rows("broken", broken, ROWS, 200, 300)):
        with pytest.raises(OSError, match="damaged"):
            next(batches)
    assert numbers(before) == list(range(20))


def test_threads_share_a_pass() -> None:
    source, streams, got = Source(20_000, 97), Streams(), {}

    def task(start: int) -> None:
        rows = []
        for batch in part(streams, source, start, start + 400):
            rows += batch["row"].to_pylist()
            time.sleep(0)
        got[start] = rows

    starts = list(range(0, 20_000, 400))
    spread.run(lambda start, _: task(start), starts, None, "threads", 4, lambda _: None)
    assert all(got[start] == list(range(start, start + 400)) for start in starts)
    assert (source.opened, source.decoded) == (1, source.rows)


# ---------------------------------------------------------------------------------------------------- files

N, N_TASKS = 4_000, 16
Count = Callable[[], int]


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> Count:
    """Rows that Parquet's decoders have given, in batches of 100."""
    count = [0]
    plain = pq.ParquetFile.iter_batches

    def counted(self: Any, *arguments: Any, **options: Any) -> Iterator[pa.RecordBatch]:
        for batch in plain(self, *arguments, **options):
            count[0] += batch.num_rows
            yield batch

    monkeypatch.setattr(stored, "BATCH_ROWS", 100)
    monkeypatch.setattr(pq.ParquetFile, "iter_batches", counted)
    return lambda: count[0]


def write(path: Path, prefix: str = "a") -> Path:
    pq.write_table(pa.table({"asset_id": [f"{prefix}{i}" for i in range(N)], "right_type": ["design"] * N, "revenue": np.arange(N) * 1.0}), path)
    return path


def opened(path: Path, tmp_path: Path) -> tuple[Portfolio, list[Unit], Any]:
    portfolio = open_portfolio(path, tmp_path / "spool")
    return portfolio, portfolio.units(N // N_TASKS), scan(portfolio).duplicates


def ids(unit: Unit, duplicates: Any, streams: Streams) -> list[str]:
    return [one for batch, _, _ in read(unit, duplicates, streams=streams) for one in batch["asset_id"].to_pylist()]


@pytest.mark.parametrize("threads", [1, 2])
def test_a_row_group_is_decoded_once_for_all_its_tasks(tmp_path: Path, decoded: Count, threads: int) -> None:
    _, units, duplicates = opened(write(tmp_path / "p.parquet"), tmp_path)
    before, streams = decoded(), Streams()
    got: list[tuple[int, list[str]]] = []
    spread.run(lambda unit, _: (unit.first_row, ids(unit, duplicates, streams)), units, None, "threads", threads, got.append)
    assert [one for _, some in sorted(got) for one in some] == [f"a{i}" for i in range(N)]
    assert decoded() - before <= N + 100 * N_TASKS


@pytest.mark.usefixtures("decoded")
def test_readers_in_turns_see_what_readers_alone_see(tmp_path: Path) -> None:
    _, units, _ = opened(write(tmp_path / "p.parquet"), tmp_path)
    for turns in (1, 3):
        streams = Streams()
        for start in range(0, N_TASKS, turns):
            readers = [stored.stored_batches(unit, ["asset_id", "revenue"], streams) for unit in units[start : start + turns]]
            alone = [list(stored.stored_batches(unit, ["asset_id", "revenue"])) for unit in units[start : start + turns]]
            for place in range(max(map(len, alone))):
                for batches, expected in zip(readers, alone, strict=True):
                    assert next(batches, None) == (expected[place] if place < len(expected) else None)


def test_a_file_replaced_between_two_runs_is_read_anew(tmp_path: Path) -> None:
    path = write(tmp_path / "p.parquet")
    times = path.stat()
    for prefix in "ab":
        write(path, prefix)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        _, units, duplicates = opened(path, tmp_path)
        streams = Streams()
        assert ids(units[0], duplicates, streams)[0] == f"{prefix}0"
        assert ids(units[1], duplicates, streams)[0] == f"{prefix}{N // N_TASKS}"
        streams.release()


def test_whole_groups_and_arrow_files_are_read_without_sharing(tmp_path: Path) -> None:
    whole = write(tmp_path / "p.parquet")
    arrow = tmp_path / "p.arrow"
    content = pq.read_table(whole)
    with pa.ipc.new_file(arrow, content.schema) as writer:
        writer.write_table(content)
    streams = Streams()
    for path, rows in ((whole, N), (arrow, 100)):
        for unit in open_portfolio(path, tmp_path / "spool").units(rows):
            batches = stored.stored_batches(unit, ["asset_id"], streams)
            next(batches)
            assert streams._streams == []


@pytest.mark.usefixtures("decoded")
def test_damage_is_the_same_error_for_every_task_behind_it(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    columns = {"asset_id": [f"a{i}" for i in range(N)], "right_type": ["design"] * N, "revenue": np.random.default_rng(1).random(N)}
    pq.write_table(pa.table(columns), path, use_dictionary=False, compression="zstd", data_page_size=4_000, write_batch_size=100)
    _, units, _ = opened(path, tmp_path)
    revenue = pq.ParquetFile(path).metadata.row_group(0).column(2)
    content = bytearray(path.read_bytes())
    middle = revenue.data_page_offset + revenue.total_compressed_size // 2
    content[middle : middle + 4_000] = bytes(4_000)
    path.write_bytes(content)
    streams = Streams()

    def outcome(unit: Unit, *shared_streams: Streams) -> str:
        try:
            return str(sum(batch.num_rows for batch in stored.stored_batches(unit, list(columns), *shared_streams)))
        except InputError as error:
            return str(error)

    told = [outcome(unit, streams) for unit in units]
    assert told == [outcome(unit) for unit in units]
    assert told[0] == str(N // N_TASKS)
    assert told[-1].startswith(f"{path}: cannot be read as file (")


def open_files() -> set[str]:
    """What this process has open."""
    found = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # that of the listing itself
            found.add(os.readlink(descriptor))
    return found


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
@pytest.mark.usefixtures("decoded")
@pytest.mark.parametrize("stop_after", [1, N_TASKS // 2, None])
def test_a_run_leaves_no_file_open_however_it_ends(tmp_path: Path, root: Path, stop_after: int | None) -> None:
    path, seen = write(tmp_path / "p.parquet"), []

    def progress(*_: int) -> None:
        assert stop_after is None or str(path) in open_files()
        seen.append(1)
        if len(seen) == stop_after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) if stop_after else nullcontext() as held:  # its frames hold the run
        market = root / "examples" / "cn_trademarks" / "market.toml"
        ipvalue.value(path, market=market, paths=2, workers=1, rows_per_task=N // N_TASKS, out=tmp_path / "out", progress=progress)
    gc.collect()
    assert len(seen) == (stop_after or N_TASKS)
    assert str(path) not in open_files()
    del held  # not before
