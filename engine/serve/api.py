"""The same for machines, as JSON (docs/serve.md)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ipvalue.serve.compare import Comparison, Line
from ipvalue.serve.handlers import Handler
from ipvalue.serve.index import Index
from ipvalue.serve.pages import address
from ipvalue.serve.right import rejected, right_of
from ipvalue.serve.root import Run
from ipvalue.serve.search import query_of, search
from ipvalue.serve.views import Compared, OneProof


def run_json(run: Run) -> dict[str, Any]:
    """A result as a list has it."""
    facts = asdict(run.facts) if run.facts else None
    return {"name": run.name, "state": run.state, "fault": run.fault or None, "facts": facts, "address": address(run)}


def index_json(index: Index) -> dict[str, Any]:
    """How far an index is."""
    return {"ready": index.ready.is_set(), "parts_done": index.done, "parts": index.total, "fault": index.fault or None}


class ForMachines(Handler):
    """Errors are JSON too."""

    for_machines = True

    def waiting(self, *indexes: Index) -> None:
        """Answers that indexes are being made: 202, to be asked again."""
        self.set_status(202)
        self.set_header("Retry-After", "2")
        self.answer({"waiting": {index.run.name: index_json(index) for index in indexes}})


class RunsJson(ForMachines):
    """All results."""

    async def get(self, *path: str) -> None:
        runs = await self.work(self.site.root.runs)
        self.answer({"root": self.site.root.path.name, "runs": [run_json(run) for run in runs], "cut_short": self.site.root.cut_short})


class RunJson(ForMachines):
    """One result with its record."""

    async def get(self, *path: str) -> None:
        run = await self.run_of(path[0])
        self.answer({**run_json(run), "record": await self.work(run.record)})


class IndexJson(ForMachines):
    """How far the index of a result is; asking begins it."""

    async def get(self, *path: str) -> None:
        self.answer(index_json(self.site.indexes.of(await self.run_of(path[0]))))


class AssetsJson(ForMachines):
    """A search."""

    async def get(self, *path: str) -> None:
        index = await self.index_of(await self.run_of(path[0]))
        if not index.ready.is_set():
            self.waiting(index)
            return
        query = query_of(self.given, index)
        found = await self.work(lambda: search(self.site.indexes, index, query))
        why = await self.work(lambda: rejected(index, query.text)) if query.text and not found.total else []
        page = {"total": found.total, "page": found.query.page, "pages": found.pages, "size": found.query.size, "match": found.query.match}
        self.answer({**page, "seconds": round(found.seconds, 6), "rows": found.rows, "rejected": why})


class AssetJson(ForMachines):
    """One right, or loan."""

    async def get(self, *path: str) -> None:
        index = await self.index_of(await self.run_of(path[0]))
        if not index.ready.is_set():
            self.waiting(index)
            return
        wanted = self.parameter("id")
        it = await self.work(lambda: right_of(self.site.indexes, index, wanted))
        self.answer({"id": it.id, "part": it.part, "rows": it.rows})


class EvidenceJson(ForMachines, OneProof):
    """How far the evidence of a right is, and once it is ready where its files are."""

    async def get(self, *path: str) -> None:
        proof = await self.proof_of(path[0])
        files = {name: address(proof.run, f"evidence/{name}", id=proof.asset) for name in proof.files}
        progress = {"parts_done": proof.done, "parts": proof.total}
        self.answer({"ready": proof.ready.is_set(), **progress, "fault": proof.fault or None, "checked": dict(proof.checked), "files": files})


class CompareJson(ForMachines, Compared):
    """Two results side by side."""

    async def get(self, *path: str) -> None:
        found = await self.compared()
        if isinstance(found, list):
            self.waiting(*found)
        else:
            self.answer(_comparison_json(found))


def _comparison_json(it: Comparison) -> dict[str, Any]:
    def lines(rows: list[Line]) -> list[dict[str, Any]]:
        return [{**asdict(one), "change": one.change} for one in rows]

    return {
        "old": it.old.name,
        "new": it.new.name,
        "currency": it.currency,
        "figure": it.figure,
        "groups": lines(it.groups),
        "groups_left_out": it.left_out,
        "differences": it.differences,
        "moved": it.moved,
        "movers": lines(it.movers),
        "counts": {"both": it.both, "only_old": it.only_old, "only_new": it.only_new, "same": it.same},
    }
