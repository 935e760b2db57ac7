"""The exchange's year: what a programme that shares the losses of pledged loans costs its fund, and what it saves the firms.

python year.py FOLDER [PATHS]

Makes rights.parquet and loans.parquet in FOLDER, an exchange's 100,000 rights and the CNY 8 bn that 600 of its 20,000 clients borrow against their
own, both synthetic and labelled so; values the rights, lends against them with the same draws (10,000 paths unless told otherwise), and prints
who bears the losses and what the firms save, as a whole and by programme. The market is that of ../cn_register, the programmes are those shipped.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import ipvalue

MARKET = Path(__file__).parents[1] / "cn_register" / "market.toml"
PATHS = 10_000
SEED = 1
MILLION = 1e6
SAID = 55.0  # CNY m that its borrowers have saved, by the exchange's own figures
LOSSES = ("mean", "var_95", "var_99", "es_99", "var_99_9")


def main() -> None:
    folder = Path(sys.argv[1])
    paths = int(sys.argv[2]) if len(sys.argv) > 2 else PATHS
    folder.mkdir(parents=True, exist_ok=True)
    rights, loans = folder / "rights.parquet", folder / "loans.parquet"
    ipvalue.synthesize(None, rights, "exchange", SEED, loans)
    valued = ipvalue.value(rights, market=MARKET, paths=paths, seed=SEED, out=folder / "value", overwrite=True)
    lent = ipvalue.lend(loans, rights, market=MARKET, paths=paths, seed=SEED, out=folder / "lend", overwrite=True)
    print(f"{valued.assets.num_rows:,} rights are worth CNY {total(valued.assets, 'value'):,.0f} m")
    print(report(pq.read_table(loans), lent.loans, lent.book))


def report(loans: pa.Table, lent: pa.Table, book: pa.Table) -> str:
    """Tables of loans as given and as lent, and of the book's losses by bearer, as text."""
    asked = loans.select(["loan_id", "borrower_id", "principal", "programme"])
    joined = lent.select(["loan_id", "collateral_value", "expected_loss", "saving"]).join(asked, "loan_id")
    return "\n".join([head(joined, loans), "", *bearers(book), "", *programmes(joined), "", *balance(joined, book)])


def head(lent: pa.Table, loans: pa.Table) -> str:
    borrowed, behind = total(lent, "principal"), total(lent, "collateral_value")
    firms = pc.count_distinct(lent["borrower_id"]).as_py()
    left_out = f", {loans.num_rows - lent.num_rows} left out" if lent.num_rows < loans.num_rows else ""
    of_them = f"CNY {borrowed:,.0f} m against rights worth {behind:,.0f} m, {borrowed / behind:.1%} of them"
    return f"{lent.num_rows:,} loans{left_out} to {firms} firms: {of_them}"


def bearers(book: pa.Table) -> list[str]:
    """What each bearer loses over the loans' lives, and in bad cases."""
    lines = ["who bears the loss (CNY m)" + "".join(f"{name:>11}" for name in LOSSES)]
    return lines + [f"{row['bearer']:<26}" + "".join(f"{row[name] / MILLION:>11,.1f}" for name in LOSSES) for row in book.to_pylist()]


def programmes(lent: pa.Table) -> list[str]:
    """What the loans of each programme lose and save."""
    lines = [f"{'programme (CNY m)':<26}{'loans':>11}{'principal':>11}{'loss':>11}{'saving':>11}"]
    names = lent["programme"].cast(pa.string())
    for name in sorted(pc.unique(names).to_pylist()):
        own = lent.filter(pc.equal(names, name))
        lines.append(
            f"{name:<26}{own.num_rows:>11,}" + "".join(f"{total(own, column):>11,.1f}" for column in ("principal", "expected_loss", "saving"))
        )
    return lines


def balance(lent: pa.Table, book: pa.Table) -> list[str]:
    """What the programmes cost the fund beside what the firms save."""
    (fund,) = (row for row in book.to_pylist() if row["bearer"] == "fund")
    cost, saved = fund["mean"] / MILLION, total(lent, "saving")
    return [
        f"The fund pays CNY {cost:,.1f} m on average while the loans last, and {fund['es_99'] / MILLION:,.1f} m in the worst of a hundred cases.",
        f"The firms save CNY {saved:,.1f} m beside loans without pledge (the exchange says {SAID:,.0f} m): "
        f"{saved / cost:.2f} for each yuan of the fund's.",
    ]


def total(table: pa.Table, column: str) -> float:
    """In millions; blanks count nothing."""
    return (pc.sum(table[column]).as_py() or 0.0) / MILLION


if __name__ == "__main__":
    main()
