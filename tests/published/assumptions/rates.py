"""Rates: discount premium, growth, volatility, margin, obsolescence and royalty of a right type in a sector ("" is any)."""

from __future__ import annotations

from figures import OURS, TECHNICAL, TOTAL, Default, Set, cited, figure, industries, of_industries, sector


def risk_free() -> float:
    """The risk-free rate behind Damodaran's table: cost of equity less beta times the equity risk premium of the United States."""
    return figure(f"cost_of_equity/{TOTAL}") - figure(f"beta/{TOTAL}") * figure("equity_risk_premium/US")


TECHNOLOGY_RISK = {
    "invention_patent": 0.015,
    "utility_model": 0.015,
    "trade_secret": 0.015,
    "layout_design": 0.015,
    "plant_variety": 0.015,
    "software_copyright": 0.015,
    "design": 0.005,
    "copyright": 0.005,
    "trademark": 0.0,
    "geographical_indication": 0.0,
}
MANAGEMENT_RISK = 0.01


def discount_premium(right_type: str, name: str, china: bool) -> Default:
    """Technology + market + capital + management risk, and in China the country's."""
    market = of_industries("cost_of_capital", name) - risk_free()
    capital = of_industries("cost_of_equity", name) - of_industries("cost_of_capital", name)
    country = figure("equity_risk_premium/CN") - figure("equity_risk_premium/US") if china else 0.0
    technology = TECHNOLOGY_RISK[right_type]
    abroad = f" + country {country:.2%} (equity risk premium of China less that of the United States)" if china else ""
    said = (
        f"technology {technology:.2%} + market {market:.2%} (cost of capital less the risk-free rate of {risk_free():.2%}) + capital {capital:.2%} "
        f"(cost of equity less cost of capital: an intangible carries no debt) + management {MANAGEMENT_RISK:.2%}{abroad}. Market, capital, country: "
        f"A. Damodaran, NYU Stern, 2026-01, US industries {industries(name)}; technology and management: {OURS}"
    )
    return round(technology + market + capital + MANAGEMENT_RISK + country, 4), said


LONG_GROWTH = 0.02
FADE = f"{OURS}: 1/5, as the published rate is of five years"


def growth(name: str, china: bool) -> Set:
    """Nominal growth of the sector's revenue: the last five years' fades to inflation; none of it above the rate of the currency it is in."""
    measured = of_industries("revenue_growth", name)
    if china:
        bound = figure("government_bond/CN/10 years")
        said = (
            f"measured growth of US industries ({measured:.1%} a year, A. Damodaran, NYU Stern, 2025-01-05: {industries(name)}) and inflation of "
            f"2 % are both kept to the ten-year rate of China, {bound:.2%}: {cited('government_bond/CN/10 years')} "
            f"({OURS}: no growth above the risk-free rate)"
        )
        short, long = min(max(measured, min(LONG_GROWTH, bound)), bound), min(LONG_GROWTH, bound)
        aim = "2 %, the inflation that central banks aim at, but no more than China's ten-year rate"
        long_said = f"{OURS}: {aim}: {cited('government_bond/CN/10 years')}"
        return {"growth": (round(short, 4), said), "growth_long": (long, long_said), "growth_fade": (0.2, FADE)}
    limited = min(max(measured, LONG_GROWTH), risk_free())
    said = (
        "A. Damodaran, NYU Stern, growth by industry 2025-01-05: revenue of the last "
        f"five years, mean over firms of {industries(name)}, {measured:.1%} a year; kept "
        f"between growth_long and the risk-free rate of {risk_free():.2%} ({OURS}: his bound "
        "for growth that lasts; acquisitions and small firms from a low base lift such means)"
    )
    long_said = f"{OURS}: no real growth for ever; 2 % is the inflation that the Federal Reserve, the ECB and the Bank of Japan aim at"
    return {"growth": (round(limited, 4), said), "growth_long": (LONG_GROWTH, long_said), "growth_fade": (0.2, FADE)}


def volatility(name: str) -> Default:
    """Standard deviation of the firm's value, as a patent's in real options."""
    value = of_industries("stock_deviation", name) * of_industries("equity_share", name)
    return round(value, 2), (
        "standard deviation of stocks times the share of equity in the firm, mean "
        f"over firms of {industries(name)} (A. Damodaran, NYU Stern, 2026-01-05)"
    )


def margin(name: str) -> Set:
    """The part of the operating margin that the right brings; other assets' returns are taken off already."""
    operating, share = of_industries("operating_margin", name), figure("share of operating margin/forced fit") / 100
    said = (
        f"{share:.0%} of the operating margin of {operating:.1%}: royalties are that share of it (Kemmerer and Lu, KPMG 2012); margin: "
        f"A. Damodaran, NYU Stern, 2026-01-05, {industries(name)}"
    )
    charge_said = "the margin is what is left once other assets are paid (Kemmerer and Lu, KPMG 2012)"
    return {"margin": (round(share * operating, 4), said), "contributory_charge": (0.0, charge_said)}


MEASURED = ("pharmaceuticals", "it_hardware", "semiconductors", "software", "chemicals", "machinery", "electrical", "transport")


def decline(key: str) -> float:
    """Yearly loss of what research earns; "mean" is that of the industries for which it is measured."""
    if key == "mean":
        return sum(figure(f"research_depreciation/{one}") for one in MEASURED) / len(MEASURED)
    return figure(f"research_depreciation/{key}")


def obsolescence(name: str) -> Default:
    """Decline of what a technology earns."""
    key = sector(name)["obsolescence"][0]
    if key == "mean":
        return round(decline(key), 4), (
            "depreciation of research, mean of the eight industries for which it is measured: "
            f"{cited('research_depreciation/software')}; {cited('research_depreciation/chemicals')}"
        )
    return round(decline(key), 4), f"depreciation of research: {cited(f'research_depreciation/{key}')}"


def royalty(right_type: str, name: str) -> Set:
    """Most likely, lowest and highest royalty; only the sector's own where its range is published."""
    segment = sector(name)["royalty_segment"][0]
    if right_type not in TECHNICAL:
        value = figure("cross-industry/median low end") / 100
        return {
            "royalty_rate": (
                value,
                (
                    "median of all kinds of licences 5-6 % of sales, its lower end: "
                    f"{cited('cross-industry/median low end')}. No range: those published for it have no sample size"
                ),
            )
        }
    if segment:
        low, high = (figure(f"{segment}/range {end}") / 100 for end in ("low", "high"))
        said = f"commonly cited range for {segment} (no sample size; secondary): {cited(f'{segment}/range low').partition(' (')[0]}, 2026-06"
        return {"royalty_rate": (round((low + high) / 2, 4), said + "; its middle"), "royalty_low": (low, said), "royalty_high": (high, said)}
    said = cited("parr/share at or below 5 %")
    below = {rate: figure(f"parr/share at or below {rate} %") for rate in range(2, 11)}
    mode = max(range(3, 11), key=lambda rate: below[rate] - below[rate - 1])
    return {
        "royalty_rate": (
            mode / 100,
            f"{said}: the most frequent rate, of {below[mode] - below[mode - 1]:.0f} in 100; RoyaltyStat's median is 5-6 % (n = 13,004, 2016)",
        ),
        "royalty_low": (0.02, f"{said}: {below[2]:.0f} % of rates are at or below"),
        "royalty_high": (0.10, f"{said}: {below[10]:.0f} % of rates are at or below"),
    }
