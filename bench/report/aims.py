"""What the speeds are to be, and whether the measurements reach it."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from measuring import Clock, ratios
from report.tables import Recorded, gain


@dataclass(frozen=True)
class Aim:
    """A wish: `least` (or, where `most`, at most) of what `found` gives for the benchmark of that name; told by `form`."""

    wish: str
    benchmark: str
    found: Callable[[Recorded], float | None]
    least: float
    form: str
    most: bool = False

    def answer(self, recorded: Mapping[str, Recorded]) -> tuple[str, str]:
        """The figure, and whether it is enough."""
        value = self.found(recorded[self.benchmark]) if self.benchmark in recorded else None
        if value is None:
            return "–", "not measured"
        met = value <= self.least if self.most else value >= self.least
        return self.form.format(value).replace("%", " %"), "met" if met else "**not met**"


def times(ours: str, *theirs: str, clock: Clock = "cpu") -> Callable[[Recorded], float | None]:
    """How many times as fast the case `ours` is as the fastest of those whose names begin with one of `theirs`; None where none was measured."""

    def found(one: Recorded) -> float | None:
        cases = one["cases"]
        rivals = [case for name, case in cases.items() if name.startswith(theirs)]
        if ours not in cases or not rivals:
            return None
        return min(statistics.median(ratios(cases[ours], rival, clock)) for rival in rivals)

    return found


def equal_error(name: str, kind: str = "times") -> Callable[[Recorded], float | None]:
    """Random's CPU-seconds over sobol's; or, of the right whose mean is known, the error of sobol."""

    def found(one: Recorded) -> float:
        right = one["equal_error"][name]
        return float(right["error"]) if kind == "error" else gain(right["seconds"])

    return found


def growth_of_peaks(one: Recorded) -> float | None:
    """The peak with the most rights over that with a tenth of them, from a million on."""
    peaks = {int(name.split()[0].replace(",", "")): statistics.median(found) for name, found in one["peaks"].items()}
    largest = max(peaks)
    return peaks[largest] / peaks[largest // 10] if largest >= 10_000_000 and largest // 10 in peaks else None


def peak_of_register(one: Recorded) -> float | None:
    """GiB of the largest process while the whole register was valued."""
    peaks = [step["peak"] for step in one["register"]["steps"] if step["rows"] == one["register"]["rows"]]
    return max(peaks) / 2**30 if peaks else None


def of_report(figure: str, size: float) -> Callable[[Recorded], float | None]:
    """The median of a figure of the page of a million rights, in units of `size`."""

    def read(one: Recorded) -> float | None:
        turns = one["pages"]["turns"]
        return statistics.median(turn[figure] for turn in turns) / size if one["pages"]["rows"] >= 1_000_000 else None

    return read


FILES = times("file to files", "kernel alone")
TIMES, SHARE = "{:.1f} times", "{:.1%}"
TILED, PLAIN = "the strongest NumPy we could write (tiled, Box-Muller)", "NumPy as most experts would write it (standard_normal)"
SINGLE, DOUBLE = "test_beside_peers[single]", "test_beside_peers[double]"
AIMS = (
    Aim(f"single precision: 10 times {PLAIN}", SINGLE, times("ipvalue, single", "NumPy (standard_normal)"), 10, TIMES),
    Aim(f"single precision: 10 times {TILED}", SINGLE, times("ipvalue, single", "NumPy (tiled"), 10, TIMES),
    Aim("single precision: 5 times oneMKL driven from NumPy", SINGLE, times("ipvalue, single", "oneMKL"), 5, TIMES),
    Aim("single precision: twice the Numba kernel with SVML", SINGLE, times("ipvalue, single", "Numba with SVML"), 2, TIMES),
    Aim("single precision: twice the best Numba kernel, polynomials of its own", SINGLE, times("ipvalue, single", "Numba"), 2, TIMES),
    Aim(f"double precision: 5 times {PLAIN}", DOUBLE, times("ipvalue, double", "NumPy (standard_normal)"), 5, TIMES),
    Aim(f"double precision: 5 times {TILED}", DOUBLE, times("ipvalue, double", "NumPy (tiled"), 5, TIMES),
    Aim("AVX2 (v3): 45 % of AVX-512 (v4)", "test_instruction_sets", times("v3, single", "v4, single"), 0.45, SHARE),
    Aim("every feature at once: 60 % of plain", "test_features[single]", times("all", "plain"), 0.6, SHARE),
    Aim("file to files at 1,000 paths: 75 % of the kernel's rate", "test_whole_run[reference-1000]", FILES, 0.75, SHARE),
    Aim("… of trademarks", "test_whole_run[cn_trademarks-1000]", FILES, 0.75, SHARE),
    Aim("file to files at 10,000 paths: 90 %", "test_whole_run[reference-10000]", FILES, 0.9, SHARE),
    Aim("… of trademarks", "test_whole_run[cn_trademarks-10000]", FILES, 0.9, SHARE),
    Aim("2 workers: 1.8 times one, by the clock", "test_workers", times("2 workers", "1 worker", clock="wall"), 1.8, "{:.2f} times"),
    Aim("memory: flat, 10^7 rights at most 1.1 times that of 10^6", "test_memory", growth_of_peaks, 1.1, "{:.2f} times", most=True),
    Aim("equal error, costs of 15 %: sobol takes a hundredth of the CPU", "test_equal_error", equal_error("costs_15"), 100, TIMES),
    Aim("… costs of 30 %: a hundredth", "test_equal_error", equal_error("costs_30"), 100, TIMES),
    Aim("… costs of 80 %: a thirtieth", "test_equal_error", equal_error("costs_80"), 30, TIMES),
    Aim("… licence, guarantee 60 %, cap 150 %: a twentieth", "test_equal_error", equal_error("licence_60_150"), 20, TIMES),
    Aim("… plain rights: exact", "test_equal_error", equal_error("plain", "error"), 1e-12, "error {:.0e}", most=True),
    Aim("China's 30,173,000 trademarks on two cores: under 4 GiB", "test_register", peak_of_register, 4.0, "{:.2f} GiB", most=True),
    Aim("the report of a million rights: under 20 s", "test_report", of_report("seconds", 1.0), 20.0, "{:.1f} s", most=True),
    Aim("… and under 8 MB", "test_report", of_report("bytes", 1e6), 8.0, "{:.2f} MB", most=True),
)
