"""The pages: results, one result, its rights, one right, its evidence, two results beside one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations

from tornado.web import HTTPError

from ipvalue.evidence import JSON, PAGE, PERIODS
from ipvalue.schema import InputError
from ipvalue.serve.compare import Comparison, check_comparable, compare
from ipvalue.serve.guard import POLICY_OF_EVIDENCE
from ipvalue.serve.handlers import Handler, Site
from ipvalue.serve.index import Index
from ipvalue.serve.overview import overview_of
from ipvalue.serve.pages import address
from ipvalue.serve.proofs import Proof
from ipvalue.serve.right import rejected, right_of
from ipvalue.serve.search import COMPARISONS, MATCHES, Condition, Found, Query, query_of, search

EVIDENCE_TYPES = {PAGE: "text/html; charset=utf-8", JSON: "application/json; charset=utf-8", PERIODS: "text/csv; charset=utf-8"}
CONDITIONS = 2
"""Conditions that the form has room for."""
SHOWN = ("scenario", "driver", "input", "step", "value", "mean", "principal", "expected_loss", "largest_principal", "amount")
"""Columns that come first in a table of rights, after the id."""

HEADLINE = (
    "value",
    "mean",
    "q05",
    "q95",
    "probability_of_loss",
    "expected_life",
    "principal",
    "expected_loss",
    "pd",
    "lgd",
    "loan_to_value",
    "largest_principal",
)
"""What stands at the head of a right's page, as far as it has it."""


class Runs(Handler):
    """All results."""

    async def get(self, *path: str) -> None:
        root = self.site.root
        runs = await self.work(root.runs)
        comparable = [run for run in runs if run.facts and run.kind.totals]
        chosen = next(((old, new) for new, old in combinations(comparable, 2) if old.kind.command == new.kind.command), None)
        self.show("runs.html.j2", root=root.path.name, runs=runs, comparable=comparable, chosen=chosen, cut_short=root.cut_short)


class Overview(Handler):
    """One result."""

    async def get(self, *path: str) -> None:
        run = await self.run_of(path[0])
        self.site.indexes.of(run)  # to be there when a right is searched for
        tiles, sections = await self.work(lambda: overview_of(run, self.site.say))
        self.show("run.html.j2", run=run, tiles=tiles, sections=sections, charts=True)


class Search(Handler):
    """The rights, or loans, of one result."""

    async def get(self, *path: str) -> None:
        run = await self.run_of(path[0])
        index = await self.index_of(run)
        if not index.ready.is_set():
            self.wait_for([index])
            return
        query, problem = Query(), ""
        try:
            query = query_of(self.given, index)
            found = await self.work(lambda: search(self.site.indexes, index, query))
        except InputError as error:  # is told beside what was asked, to be mended there
            found, problem = Found([], 0, query, 0.0), str(error)
            self.set_status(400)
        why = await self.work(lambda: rejected(index, query.text)) if query.text and not found.total else []
        self.show(
            "search.html.j2",
            run=run,
            index=index,
            query=query,
            found=found,
            columns=shown_columns(index),
            conditions=self.conditions(),
            problem=problem,
            matches=MATCHES,
            comparisons=list(COMPARISONS),
            rejected=why,
            link=lambda **changes: address(run, "search", **_parameters(replace(query, **changes))),
        )

    def conditions(self) -> list[tuple[str, str, str]]:
        """Those of the form, as they were typed, and room for more."""
        columns, comparisons, values = (self.given.get(name, []) for name in ("column", "op", "than"))
        typed = [one for one in zip(columns, comparisons, values, strict=False) if one[0] or one[2]]
        return [*typed, *[("", "ge", "")] * (CONDITIONS - len(typed))]

    def wait_for(self, indexes: Sequence[Index]) -> None:
        """Says how far indexes are; the page asks again by itself."""
        self.show("waiting.html.j2", indexes=indexes, asked=[f"/api{address(index.run, 'index')}" for index in indexes])


def said(condition: Condition) -> str:
    """What a column is compared with, as it is given."""
    match condition.than:
        case bool(flag):
            return str(flag).lower()
        case float(number):
            return f"{number:.15g}"
        case text:
            return text


def _parameters(query: Query) -> dict[str, object]:
    """A query as the parameters of a request."""
    return {
        "id": query.text,
        "match": query.match if query.match != "any" else "",
        "column": [one.column for one in query.conditions],
        "op": [one.comparison for one in query.conditions],
        "than": [said(one) for one in query.conditions],
        "sort": query.sort,
        "order": query.order,
        "page": query.page if query.page > 1 else "",
    }


def shown_columns(index: Index) -> list[str]:
    """The columns of a table of rights: the id, then what tells most."""
    names = [name for name in SHOWN if name in index.columns]
    rest = [name for name in index.columns if name not in names and name != index.run.kind.id]
    return [index.run.kind.id, *names, *rest]


class OneRight(Search):
    """One right, or loan."""

    async def get(self, *path: str) -> None:
        run = await self.run_of(path[0])
        index = await self.index_of(run)
        if not index.ready.is_set():
            self.wait_for([index])
            return
        wanted = self.parameter("id")
        self.show("right.html.j2", run=run, it=await self.work(lambda: right_of(self.site.indexes, index, wanted)), headline=HEADLINE)


class OneProof(Handler):
    """The evidence of one right: how far it is, what was verified, its files."""

    async def get(self, *path: str) -> None:
        proof = await self.proof_of(path[0])
        asked = f"/api{address(proof.run, 'evidence', id=proof.asset)}"
        self.show("evidence.html.j2", run=proof.run, it=proof, asked=asked, files=list(EVIDENCE_TYPES))

    async def proof_of(self, name: str) -> Proof:
        """That which is asked for, begun where it was not; one that could not be made is told once, and then begun again."""
        run, asset = await self.run_of(name), self.parameter("id")
        proof = await self.work(lambda: self.site.proofs.of(run, asset))
        if proof.fault:
            self.site.proofs.forget(proof)
        return proof


class ProofFile(OneProof):
    """One of its files, as `ipvalue verify --evidence` writes it."""

    async def get(self, *path: str) -> None:
        proof, name = await self.proof_of(path[0]), path[1]
        if name not in proof.files:
            raise HTTPError(404, reason="there is no such file of evidence yet")
        self.set_header("Content-Type", EVIDENCE_TYPES[name])
        self.set_header("Content-Security-Policy", POLICY_OF_EVIDENCE)
        if name != PAGE:
            self.set_header("Content-Disposition", f'attachment; filename="{name}"')
        self.finish(proof.files[name])


class Compared(Search):
    """Two results side by side."""

    async def get(self, *path: str) -> None:
        found = await self.compared()
        if isinstance(found, list):
            self.wait_for(found)
        else:
            self.show("compare.html.j2", it=found)

    async def compared(self) -> Comparison | list[Index]:
        """The comparison, or the indexes while one of them is made. Raises InputError."""
        old, new = [await self.run_of(self.parameter(name)) for name in ("old", "new")]
        check_comparable(old, new)
        pair = [await self.index_of(old), await self.index_of(new)]
        if not all(index.ready.is_set() for index in pair):
            return pair
        return await self.work(lambda: compare(self.site.indexes, pair[0], pair[1]))


class Static(Handler):
    """Scripts and styles."""

    def initialize(self, site: Site, files: Mapping[str, tuple[str, bytes]] | None = None) -> None:
        super().initialize(site)
        self._files = files or {}

    def prepare(self) -> None:
        """The same for all; a page of an error has a style too, so these need no token."""

    def get(self, *path: str) -> None:
        kind, content = self._files[path[0]]
        self.set_header("Content-Type", kind)
        self.set_header("Cache-Control", "no-cache")
        self.finish(content)
