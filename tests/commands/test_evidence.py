"""`ipvalue verify DIR --evidence ID`: the bundle, its origins, and when none is written."""

from __future__ import annotations

import csv
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commandline import ROW, contents, run, table, value

import ipvalue as iv
from ipvalue.evidence.page import figure
from ipvalue.schema import PORTFOLIO

pytestmark = pytest.mark.usefixtures("here")

FILES = {"evidence.html", "evidence.json", "periods.csv"}


def evidence(asset: str, out: str = "bundle") -> dict[str, Any]:
    """The content of the bundle that the command writes."""
    ran = run("verify", "out", "--evidence", asset, "--out", out)
    assert (ran.code, ran.err) == (0, ""), ran.err
    assert {path.name for path in Path(out).iterdir()} == FILES
    found: dict[str, Any] = json.loads(Path(out, "evidence.json").read_text())
    return found


def origins(content: dict[str, Any]) -> dict[str, tuple[str, str, str]]:
    return {one["column"]: (one["from"], one["where"], one["source"]) for one in content["inputs"]}


def test_a_bundle_says_all_of_one_right() -> None:
    assert value("portfolio.parquet").code == 0
    before = contents("out")
    ran = run("verify", "out", "--evidence", "r2", "--out", "bundle")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.endswith("The evidence of r2 is in bundle: evidence.html to read, evidence.json and periods.csv to reckon with\n")
    assert contents("out") == before
    content = json.loads(Path("bundle/evidence.json").read_text())
    row = next(one for one in iv.open_result("out").assets.to_pylist() if one["asset_id"] == "r2")
    manifest = iv.open_result("out").manifest
    assert content["result"] == row
    assert content["row"] == {"file": "portfolio.parquet", "number": 2}
    assert content["versions"] == {"ipvalue": manifest["ipvalue"], "numerics_version": manifest["numerics_version"]}
    assert content["hashes"]["fingerprint"] == manifest["fingerprint"]
    assert content["hashes"]["portfolio"][0]["sha256"] == manifest["inputs"]["portfolio"][0]["sha256"]
    assert content["closed_form"]["value"] == row["closed_form"]
    assert content["value"]["value"] == row["value"]
    assert content["verification"]["equal_to_the_bit"] is True
    assert [one["column"] for one in content["inputs"]] == list(PORTFOLIO)


def test_an_input_of_a_row_names_its_file_and_row_and_others_their_origin() -> None:
    Path("assumptions.toml").write_text(
        '[defaults.trademark]\ntab_years = 10\nhazard = 0.02\nsource = "our register"\n'
        '[defaults."trademark/CN"]\nobsolescence = 0.03\nsources = {obsolescence = "as invention_patent"}\n'
        '[defaults.invention_patent]\nobsolescence = 0.05\nsource = "a study, 2020"\n'
    )
    row = {name: cell for name, cell in ROW.items() if name not in ("currency", "growth", "tab_years")}
    pq.write_table(table([ROW, {**row, "asset_id": "mark", "jurisdiction": "CN"}]), "portfolio.parquet")
    assert value("portfolio.parquet", "--assumptions", "assumptions.toml").code == 0
    found = origins(evidence("mark"))
    assert found["revenue"] == ("row", "portfolio.parquet, row 1", "")
    assert found["currency"] == ("market", "currency of the market", "")
    assert found["tab_years"] == ("assumptions", "trademark", "our register")
    assert found["obsolescence"] == ("assumptions", "trademark/CN", "as invention_patent: a study, 2020")
    assert found["revenue_share"] == ("neutral", "neutral value (model §4)", "")
    assert found["revenue_path"][0] == "blank"


def test_a_bare_right_has_a_source_for_all_that_was_filled() -> None:
    row = {"asset_id": "bare", "right_type": "invention_patent", "jurisdiction": "CN", "filing_date": "2020-01-01", "expiry_date": "2040-01-01"}
    pa.csv.write_csv(pa.Table.from_pylist([row]), "rights.csv")
    assert value("rights.csv", "--market", "market.toml").code == 0
    content = evidence("bare")
    filled = [one for one in content["inputs"] if one["from"] == "assumptions"]
    assert {"royalty_rate", "revenue", "fee_schedule"} <= {one["column"] for one in filled}
    assert all(one["source"] for one in filled)
    assert not [one["source"] for one in filled if one["source"] == "as invention_patent"]
    assert content["assumptions"]["fee_schedule"]["source"]
    assert content["methods"][0]["due"]


@pytest.mark.parametrize(
    ("cells", "standards"),
    [
        ({"right_type": "trademark"}, {"IVS 210", "ISO 10668"}),
        ({"right_type": "invention_patent"}, {"IVS 210", "GB/T 42748"}),
        ({"right_type": "software_copyright"}, {"IVS 210"}),
    ],
)
def test_standards_are_those_of_the_kind_of_right(cells: dict[str, Any], standards: set[str]) -> None:
    pq.write_table(table([{**ROW, **cells}]), "portfolio.parquet")
    assert value("portfolio.parquet").code == 0
    found = " ".join(one["standard"] for one in evidence("r0")["standards"])
    assert {name for name in ("IVS 210", "ISO 10668", "GB/T 42748") if name in found} == standards


def test_the_boundary_of_a_right_that_may_be_given_up_is_shown() -> None:
    pq.write_table(table([{**ROW, "renewal": "optimal", "annual_cost": 3e4, "salvage": 1e4}]), "portfolio.parquet")
    assert value("portfolio.parquet").code == 0
    content = evidence("r0")
    periods = content["methods"][0]["periods"]
    assert all(periods["decides"])
    assert all(number > 0.0 for number in periods["boundary"])
    assert content["closed_form"]["value"] is None
    assert content["result"]["closed_form"] is None
    assert "boundary" in Path("bundle/evidence.html").read_text()


def test_a_licence_shows_its_bounds() -> None:
    pq.write_table(table([{**ROW, "method": "licence", "minimum_guarantee": 4e4}]), "portfolio.parquet")
    assert value("portfolio.parquet").code == 0
    periods = evidence("r0")["methods"][0]["periods"]
    assert all(number > 0.0 for number in periods["lo"])
    assert periods["hi"] == [None] * len(periods["hi"])


def test_several_methods_each_have_their_own() -> None:
    methods = ["relief_from_royalty", "market", "cost"]
    row = {**ROW, "methods": methods, "weights": [0.5, 0.25, 0.25], "comparable_price": 3e5, "replacement_cost": 1e5}
    pq.write_table(table([row]), "portfolio.parquet")
    assert value("portfolio.parquet").code == 0
    content = evidence("r0")
    assert [one["method"] for one in content["methods"]] == methods
    assert [one["value"] for one in content["value"]["methods"]] == content["result"]["method_values"]


def test_a_premise_is_followed_to_the_value() -> None:
    assert value("portfolio.parquet", "--premise", "forced").code == 0
    content = evidence("r0")
    premise = content["methods"][0]["premise"]
    assert premise["name"] == "forced"
    assert content["assumptions"]["premise"]["discount"] == premise["discount"] > 0.0
    assert content["value"]["with_tax_benefit"] * premise["factor"] == content["result"]["value"]


def test_how_the_mean_arises_under_sobol_is_shown_in_numbers() -> None:
    optional = {**ROW, "asset_id": "optional", "renewal": "optimal", "annual_cost": 3e4, "salvage": 1e4, "hazard": 0.05}
    several = {**optional, "asset_id": "several", "methods": ["relief_from_royalty", "cost"], "weights": [0.75, 0.25], "replacement_cost": 1e5}
    pq.write_table(table([ROW, optional, several]), "portfolio.parquet")
    assert value("portfolio.parquet", "--sampler", "sobol", paths=1024).code == 0
    it = evidence("optional")["estimate"]
    assert it["from"] == "replicates"
    assert it["controlled"]
    assert it["standard_error"] < it["e_0"] < it["plain_average"]["error_of_random_paths"]
    shown = Path("bundle/evidence.html").read_text()
    for number in (*it["G"], *it["K"], *it["contributions"], it["mean"], it["mu"], it["beta"], it["standard_error"]):
        assert figure(number) in shown
    parser = _Balance()
    parser.feed(shown)
    assert parser.open == []
    content = evidence("several", "other")
    by_method = [one["estimate"] for one in content["methods"]]
    assert [one["from"] for one in by_method] == ["replicates", "closed form"]
    assert content["estimate"]["known"] == 0.25 * by_method[1]["mean"]
    assert [one["to_value"]["value"] for one in by_method] == content["result"]["method_values"]
    assert Path("other/evidence.html").read_text().count("Mean by this method, and its value") == 2
    exact = evidence("r0", "exact")
    assert (exact["estimate"]["from"], exact["estimate"]["standard_error"]) == ("closed form", 0.0)
    assert exact["estimate"]["mean"] == exact["closed_form"]["value"] == exact["result"]["mean"]
    assert "the mean is the closed form" in Path("exact/evidence.html").read_text()


@pytest.mark.slow  # Numba compiles
@pytest.mark.parametrize("sampler", ["random", "sobol"])
def test_a_rule_of_the_users_own(sampler: str) -> None:
    Path("own.py").write_text("import ipvalue as iv\n\n@iv.cash_rule\ndef tiered(level, period):\n    return 0.05 * level\n")
    price = {name: cell for name, cell in ROW.items() if name not in ("royalty_rate", "life")}
    rows = [ROW, {**price, "asset_id": "price", "method": "cost", "replacement_cost": 1e5}]
    pq.write_table(table(rows), "portfolio.parquet")
    assert value("portfolio.parquet", "--rule", "own.py:tiered", "--sampler", sampler).code == 0
    assert iv.evidence("out", "price").content["closed_form"]["value"] is not None
    content = iv.evidence("out", "r0").content
    if sampler == "sobol":
        assert content["estimate"]["controlled"]
        assert content["estimate"]["mean"] == content["result"]["mean"]
    assert content["rule"]["name"] == "own.py:tiered"
    assert len(content["methods"][0]["periods"]["sales"]) == 8
    assert content["closed_form"]["value"] is None


def test_the_period_table_as_csv_is_that_of_the_json() -> None:
    assert value("portfolio.parquet").code == 0
    periods = evidence("r1")["methods"][0]["periods"]
    with Path("bundle/periods.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["method", *periods]
    for name in ("end", "discount_factor", "annual_revenue", "w", "S", "expected_cash"):
        assert [float(row[name]) for row in rows] == periods[name]


class _Balance(HTMLParser):
    """Open tags; none may be left, and each closes the one that was opened last."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.outside += [text for name, text in attrs if name in ("src", "href") and text]
        if tag not in ("meta", "br", "link", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_needs_nothing_beside_it_and_shows_any_name_as_text() -> None:
    name = "<b>r&1</b>"
    pq.write_table(table([{**ROW, "asset_id": name}]), "portfolio.parquet")
    assert value("portfolio.parquet").code == 0
    evidence(name)
    page = Path("bundle/evidence.html").read_text()
    parser = _Balance()
    parser.feed(page)
    assert (parser.open, parser.outside) == ([], [])
    assert "&lt;b&gt;r&amp;1&lt;/b&gt;" in page
    assert name not in page


def test_a_long_life_is_cut_on_the_page_and_whole_beside_it() -> None:
    Path("market.toml").write_text(Path("market.toml").read_text().replace("[curves.CNY]", "steps_per_year = 12\n[curves.CNY]", 1))
    assert value("portfolio.parquet").code == 0
    periods = evidence("r3")["methods"][0]["periods"]
    assert len(periods["period"]) == 120
    assert "… 72 more periods: periods.csv has them" in Path("bundle/evidence.html").read_text()


def test_the_same_bundle_again() -> None:
    assert value("portfolio.parquet").code == 0
    evidence("r1", "one")
    evidence("r1", "two")
    assert contents("one") == contents("two")


def test_from_python() -> None:
    assert value("portfolio.parquet").code == 0
    found = iv.evidence("out", "r1")
    assert found.content["asset_id"] == "r1"
    assert found.periods.num_rows == 6
    assert found.verified.ok
    assert not Path("bundle").exists()
    found.write("bundle")
    assert {path.name for path in Path("bundle").iterdir()} == FILES


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("--evidence", "r1", "--asset", "r2"), "--evidence re-derives its own right: leave --asset, --loan and --sample out"),
        (("--evidence", "r1", "--sample", "0.5"), "--evidence re-derives its own right: leave --asset, --loan and --sample out"),
        (("--evidence", "r1", "--out", "full"), "full: holds mine.txt: name another --out for the evidence"),
        (("--evidence", "r1", "--out", "out"), "out: holds assets/part-00000.parquet: name another --out for the evidence"),
        (("--evidence", "R_1"), "out: there is no right 'R_1' in it: did you mean r1?"),
    ],
)
def test_what_cannot_be_asked_for(args: tuple[str, ...], sentence: str) -> None:
    assert value("portfolio.parquet").code == 0
    Path("full").mkdir()
    Path("full/mine.txt").write_text("mine")
    before = contents()
    ran = run("verify", "out", *args)
    assert (ran.code, ran.out, ran.sentence) == (2, "", sentence)
    assert contents() == before


def test_a_damaged_result_gives_no_evidence() -> None:
    assert value("portfolio.parquet").code == 0
    Path("out/assets/part-00003.parquet").write_bytes(b"damaged")
    ran = run("verify", "out", "--evidence", "r1", "--out", "bundle")
    assert (ran.code, ran.out) == (1, "")
    assert ran.sentences[0].startswith("assets/part-00003.parquet: is not what the run wrote")
    assert ran.sentences[-1] == "out: is not what its manifest says, so there is no evidence of r1"
    assert not Path("bundle").exists()
