"""Money: what a right of unknown revenue earns, how far that spreads, and what it cost."""

from __future__ import annotations

import math
from functools import cache
from statistics import NormalDist

from figures import OURS, TECHNICAL, Default, Set, cited, figure, of_industries, rows, sector
from rates import LONG_GROWTH, decline, discount_premium, growth, risk_free, royalty

SIGMA = NormalDist().inv_cdf(figure("value_share/top 5 % of patents")) + NormalDist().inv_cdf(0.95)
"""Of log-normal values the top 5 % hold half: Φ(σ − z(0.95)) = 0.5."""

FIVE_PERCENT = 0.05


@cache
def research_per_patent(group: str) -> float:
    """US business research of 2022 for each US patent granted to US owners in 2020, in USD."""
    found = next(row for row in rows("research_groups") if row["research_group"] == group)
    names = found["nsf_industries"].split(";")
    spent = sum(figure(f"sales/{one}") * 1e6 * figure(f"research_intensity/{one}") / 100 for one in names)
    return spent / sum(figure(f"grants/{field}") for field in found["wipo_fields"].split(";"))


@cache
def research_intensity(group: str) -> float:
    """US business research over the sales of those who do it, 2022."""
    found = next(row for row in rows("research_groups") if row["research_group"] == group)
    names = found["nsf_industries"].split(";")
    sales = [figure(f"sales/{one}") for one in names]
    return sum(s * figure(f"research_intensity/{one}") / 100 for s, one in zip(sales, names, strict=True)) / sum(sales)


def size(group: str) -> float:
    """A patent's royalties in one group of industries over those of all: by the research behind it, which they have to bring back."""
    return research_per_patent(group) / research_per_patent("all")


def us_patent_revenue() -> float:
    """Mean revenue of a US patent at grant, as its owners' renewals reveal it.

    An owner pays fee i if what the patent earns until the next is worth more. So the share that pays is the share of patents whose royalty at grant
    is above fee / (value of 1 a year declining until the next fee); with log-normal royalties each stage tells the median:
    the geometric mean of the three.
    """
    k = risk_free() + discount_premium("invention_patent", "", False)[0]
    loss = decline("mean") + k
    medians = []
    for stage, (age, years) in {3.5: (4, 4), 7.5: (8, 4), 11.5: (12, 8)}.items():
        earned = (1 - figure("tax_rate/US")) * math.exp(-decline("mean") * age) * (1 - math.exp(-loss * years)) / loss
        threshold = figure(f"USPTO/utility_patent/undiscounted/{stage:g}/2009") / earned
        medians.append(math.log(threshold) + SIGMA * NormalDist().inv_cdf(figure(f"survival/US/{age}")))
    return math.exp(sum(medians) / 3 + SIGMA**2 / 2) / FIVE_PERCENT


def lapse(right: str) -> float:
    """Share of the Chinese rights in force at the end of 2021 that ended in 2022."""
    kept = figure(f"in_force/CN/{right}/2022") - figure(f"grants/CN/{right}/2022")
    return 1 - kept / figure(f"in_force/CN/{right}/2021")


def mark_lapse() -> float:
    """Share of the Chinese marks in force at the end of 2022 that ended in 2023."""
    kept = figure("in_force/CN/trademark/2023") - figure("registrations/CN/trademark/2023")
    return 1 - kept / figure("in_force/CN/trademark/2022")


def renewed_revenue(right: str) -> float:
    """Mean revenue in CNY of a Chinese utility model or design: half have lapsed at the age when the median right no longer earns its annuity."""
    age = math.log(2) / -math.log(1 - lapse(right))
    fee = figure(f"CNIPA/{right}/standard/{math.floor(age) + 1}")
    median = fee / ((1 - figure("tax_rate/CN")) * FIVE_PERCENT * math.exp(-decline("mean") * age))
    return median * math.exp(SIGMA**2 / 2)


def _chinese() -> dict[str, Default]:
    """Mean annual revenue by right type, in CNY."""
    invention = figure("industrialised/CN/invention") * figure("benefit_of_industrialised/CN/invention")
    software = figure("software_registrations/CN/2023") / (1 + figure("growth_2023/CN/software_registrations")) / decline("software")
    model, shape = renewed_revenue("utility_model"), renewed_revenue("design")
    renewals = (
        "where half of the rights have lapsed, the median one no longer earns its annuity; "
        f"royalty 5 %, tax 25 %, obsolescence {decline('mean'):.4f}; mean of the log-normal"
    )
    return {
        "invention_patent": (
            invention,
            "39.6 % of invention patents are in use, each bringing 8.3 M CNY, taken as its sales (CNIPA, 2023 China Patent Survey Report)",
        ),
        "utility_model": (model, f"{OURS}: {renewals} (CNIPA yearbook 2022: {lapse('utility_model'):.1%} lapsed in 2022; CNIPA annuities)"),
        "design": (shape, f"{OURS}: {renewals} (CNIPA yearbook 2022: {lapse('design'):.1%} lapsed in 2022; CNIPA annuities)"),
        "trademark": (
            figure("retail_sales/CN/2020") / figure("in_force/CN/trademark/2020"),
            "retail sales of 2020 (39.2 trillion CNY, NBS) over the 30.173 M marks in force (CNIPA annual report 2020)",
        ),
        "software_copyright": (
            figure("software_revenue/CN/2022") / software,
            (
                "software revenue of 2022 (10.81 trillion "
                "CNY, MIIT) over the works that still earn: "
                "registrations of 2022 (ChinaNews 2024-04-24) over software's yearly decline (Li, BEA)"
            ),
        ),
        "copyright": (shape, f"{OURS}: as a design, which protects a form too; no figure is published"),
        "trade_secret": (invention, f"{OURS}: as an invention patent; no figure is published"),
        "layout_design": (
            model * size("semiconductors"),
            f"{OURS}: as a utility model, registered without examination, times the research behind a semiconductor patent over that behind any",
        ),
        "plant_variety": (
            invention * size("consumer"),
            f"{OURS}: as an invention patent times the research behind a consumer industry's over that behind any; no figure is published",
        ),
        "geographical_indication": (
            figure("gi_output/CN/2023") / (figure("in_force/CN/gi_products/2024") + figure("in_force/CN/gi_trademarks/2024")),
            "output of 961 bn CNY in 2023 over 2,523 products and 7,385 marks (CNIPA, 2024)",
        ),
    }


def _elsewhere() -> dict[str, Default]:
    """Mean annual revenue by right type outside China, in USD."""
    rate = figure("cny_per_usd/2025")
    abroad = f"{OURS}: as in China, converted at {rate} CNY (FRED, 2025)"
    converted = {name: (value / rate, f"{abroad}: {said.removeprefix(f'{OURS}: ')}") for name, (value, said) in _chinese().items()}
    invention = us_patent_revenue()
    revealed = (
        f"{OURS}: what US owners' renewals reveal: 84, 63 and 49 % pay fees of 980, 2,480 "
        "and 4,110 USD (patentlyo.com 2009-02), so the median patent's royalties until the "
        "next fee are worth as much; royalty 5 %, tax 21 %, obsolescence "
        f"{decline('mean'):.4f}; mean of the log-normal. Of a patent at grant, taken for all ages"
    )
    return {
        **converted,
        "invention_patent": (invention, revealed),
        "trade_secret": (invention, f"{OURS}: as an invention patent; no figure is published"),
        "plant_variety": (
            invention * size("consumer"),
            f"{OURS}: as an invention patent times the research behind a consumer industry's over that behind any; no figure is published",
        ),
        "trademark": (
            figure("retail_sales/US/2021") / figure("in_force/US/trademark/2022"),
            "US retail sales of 2021 (6,523 bn USD, Census Bureau) over 2.5 M active registrations (trademarkraft.com, 2022)",
        ),
    }


def revenue(right_type: str, name: str, china: bool) -> Default:
    """Mean annual revenue of one right, in the set's currency."""
    value, said = (_chinese() if china else _elsewhere())[right_type]
    if name and right_type in TECHNICAL:
        group = sector(name)["research_group"][0]
        rate = royalty(right_type, name)["royalty_rate"][0]
        value *= size(group) * FIVE_PERCENT / rate
        said += (
            f". Royalties in proportion to research, so times {size(group):.2f} (that behind a US "
            f"patent of the sector over that of all: NSF NCSES, 2022 and 2020) and 5 % / {rate:.1%}"
        )
    return rounded(value), said


def rounded(value: float) -> float:
    """Three digits, as many as such figures bear."""
    return float(f"{value:.3g}")


def price_multiple() -> float:
    """Asking price of a US patent over its mean annual royalty."""
    return figure("asking_price/US/patent") / (us_patent_revenue() * FIVE_PERCENT)


def yearly_loss(right_type: str, name: str) -> float:
    """Yearly decline of what a right earns; of a mark, the share that ends."""
    if right_type in ("trademark", "geographical_indication"):
        return mark_lapse()
    if right_type == "copyright":
        return figure("depreciation/miscellaneous artistic originals")
    if right_type == "software_copyright":
        return decline("software")
    return decline(sector(name)["obsolescence"][0] if right_type in TECHNICAL else "mean")


def worth_of_a_year(right_type: str) -> float:
    """Present value of a right's royalties over those of this year, were it to decline for ever, in dollars."""
    return 1 / (yearly_loss(right_type, "") + risk_free() + discount_premium(right_type, "", False)[0] - LONG_GROWTH)


def replacement_cost(right_type: str, group: str, china: bool) -> Default:
    """What of the research behind a right the right brings back: the rest is brought back by being first, by secrecy and by other assets."""
    research = figure("research/CN/enterprises/2022") / figure("grants/CN/invention/2022") if china else research_per_patent("all")
    said = (
        "research of enterprises, 2.388 trillion CNY in 2022 (National Bureau of Statistics of China, 2023-09-18), over invention patents "
        "granted (CNIPA yearbook 2022)"
        if china
        else "US business research of 2022 over US patents granted to US owners in 2020 (NSF NCSES)"
    )
    share = figure("patent_value_over_research/US")
    said += f", times {share:.0%}, the value of patents over the research behind them: {cited('patent_value_over_research/US')}"
    if right_type == "invention_patent":
        return research * share * size(group), said
    earns = _chinese() if china else _elsewhere()
    relative = earns[right_type][0] / earns["invention_patent"][0] * worth_of_a_year(right_type) / worth_of_a_year("invention_patent")
    return research * share * size(group) * relative, f"{said}; {OURS}: for this right in proportion to its revenue and to how long that lasts"


DEVELOPMENT = 2.0
"""Years from research to sales."""


def development(right_type: str, name: str) -> Default:
    """Cost of developing what a right protects that the right has to bear, over a year's royalty.

    A product's sales leave, before research, its operating margin and what research takes of them. A royalty is a share of that result, so
    it bears research in the same share. A year's research is for what is sold from two years later on; where an industry grows at g and its
    products' sales decline, research at a constant share ι of all sales costs ι·exp(−2·decline)/(decline + g) of what a product sells today
    (in the model, whose decline starts today).
    """
    group = sector(name)["research_group"][0] if right_type in TECHNICAL else "all"
    industry = name if right_type in TECHNICAL else ""
    spent, kept = research_intensity(group), of_industries("operating_margin", industry)
    loss = yearly_loss(right_type, name) if right_type not in ("trademark", "geographical_indication") else decline("mean")
    up = growth(industry, False)["growth"][0]
    years = math.exp(-DEVELOPMENT * loss) / (loss + up)
    return spent / (spent + kept) * years, (
        f"{OURS}: of the result before research, {spent:.1%} (NSF NCSES, 2022) and {kept:.1%} (operating margin, A. Damodaran, NYU Stern, 2026-01) "
        f"of sales, research takes {spent / (spent + kept):.0%}; a royalty bears that "
        f"share of itself, for exp(-2 x {loss:.4f}) / ({loss:.4f} + {up:.4f}) = {years:.1f} years' worth, over two years"
    )


def money(right_type: str, name: str, china: bool) -> Set:
    """Revenue and its spread, comparable price, replacement cost and a project's stages."""
    group = sector(name)["research_group"][0] if right_type in TECHNICAL else "all"
    cost, cost_said = replacement_cost(right_type, group, china)
    sales, said = revenue(right_type, name, china)
    rate = royalty(right_type, name)["royalty_rate"][0]
    stage, stage_said = development(right_type, name)
    return {
        "currency": ("CNY" if china else "USD", f"{OURS}: the currency in which the figures are published"),
        "revenue": (sales, said),
        "revenue_uncertainty": (
            round(SIGMA, 3),
            (
                "5 % of patents hold half of their value (Pakes and Schankerman 1986), and a "
                "log-normal fits them best (Harhoff, Scherer, Vopel 1997): Phi(s - 1.645) = 0.5"
            )
            + ("" if right_type in TECHNICAL else f"; {OURS}: for this right as for patents"),
        ),
        "comparable_price": (
            rounded(price_multiple() * rate * sales),
            (
                f"{price_multiple():.1f} times a year's royalty on the revenue, as the asking "
                "price of 344,000 USD for a US patent (Richardson and Oliver, IAM 57, January 2013)"
            )
            + f"; {OURS}: for every right",
        ),
        "replacement_cost": (rounded(cost), cost_said),
        "stage_costs": (
            [rounded(stage * rate * sales / 2)] * 2,
            stage_said,
        ),
        "stage_years": ([1.0, 1.0], f"{OURS}: two years of development, half of its cost in each"),
        "stage_probabilities": ([1.0, 1.0], f"{OURS}: the revenue is already a mean over rights that never sell"),
    }
