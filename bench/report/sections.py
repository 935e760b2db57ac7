"""The page's sections in the order a reader wants them: which benchmark each shows, and what to know before reading its figures."""

from __future__ import annotations

SECTIONS: dict[str, str] = {
    "test_beside_peers[single]": """Every peer is a whole implementation of the reference workload, written as its own users would for speed and
checked for right answers before it is timed; each runs on one thread. `NumPy (tiled, Box-Muller)` is the strongest NumPy that we could write,
`NumPy (standard_normal)` what most experts would.""",
    "test_beside_peers[double]": """The same in double precision. DuckDB and QuantLib know no other.""",
    "test_equal_error": """What the mean of one right costs until its standard error is 0.1 % of it. Random paths follow from the deviation of a
path, (deviation / (0.001 mean))², and are charged the kernel's rate at many paths; under sobol it is the smallest power of two, from 32, at which
the root mean square of the true errors over 64 seeds and 16 copies of the right stays within 0.1 % (the error that runs report is given beside
it). Both sides take all statistics; solving the boundary costs both the same and stands for itself.""",
    "test_whole_run[reference-1000]": """A file of rows is valued into files of results, beside the kernel alone on the same rows in memory, called as
the run calls it (its chunks, totals added), turn by turn. `reference` is the reference workload with its numbers spread over their ranges; the
run's start, about a fifth of a second, is included.""",
    "test_whole_run[cn_trademarks-1000]": """The same with synthetic trademarks, whose lives differ and whose blanks are filled. `cn_trademarks` is
the profile of `ipvalue synthesize`.""",
    "test_whole_run[reference-10000]": """The same at ten times as many paths. What is done once a row weighs a tenth.""",
    "test_whole_run[cn_trademarks-10000]": """The same with synthetic trademarks. What is done once a row weighs a tenth.""",
    "test_workers": """Workers are threads here. CPU-seconds say what working together costs, seconds by the clock what it gains.""",
    "test_assets": """So few paths that the rows are what costs: reading, checking, filling, writing. The run's start is included, which is most of
what a thousand rights take.""",
    "test_memory": """Peak resident memory of the command in a process of its own. A run holds the rows that its workers are at; beyond those
it grows by a few bytes a right.""",
    "test_serve": """What `ipvalue serve` answers over HTTP, each turn for another right; the results are made up, the rows of a small
valuation over and over. Ids stand in no order. The index is made once, when a result is first looked at, and is not timed here. `id that is not
there` tries all ways to match one after the other.""",
    "test_since[reference]": """`--since` an earlier result: a hundredth of the rights has another revenue, or nothing has changed. What changed is
valued twice, once to be taken out of the sums. Each run is a process of its own, the start of Python included.""",
    "test_since[cn_trademarks]": """The same with synthetic trademarks.""",
    "test_versions[reference-None-single]": """Versions of a right stand on the same paths, as a scenario's do that touches only the
vectors. All versions of a right count as one right, so `0.1` is ten times the run by itself. The vectors are ready; differences are paired with the
first version.""",
    "test_versions[reference-20-single]": """The same rights with twice the life.""",
    "test_scenarios[reference]": """A hundred scenarios that move the vectors alone, a grid of royalties, revenues and discount rates, beside the
valuation of the rights: each command in a process of its own with one worker, its start included. `batch means` says means, errors and paired
differences of rights and groups; `means` the quantiles of groups as well.""",
    "test_scenarios[cn_trademarks]": """The same with synthetic trademarks.""",
    "test_register": """Each command in a process of its own, by the clock, in CPU-seconds of all its threads, with the peak of its memory and the
size of what it wrote. The last line multiplies the slice's valuation by the number of rights.""",
    "test_report": """`ipvalue report` of a result of so many rights, the start of Python included; the page has the most valuable 500 of them, and
sums over all.""",
    "test_journal[no groups]": """A run keeps a journal beside its parts, from which it can be gone on with; without, nothing of it is written. A
hundredth of a run's seconds may go into it.""",
    "test_journal[1,000 groups]": """The same with sums of 160 MB, which are first written when a run has gone on for a minute or two.""",
    "test_plan[rights]": """What `ipvalue plan` says beside what the run takes, each in a process of its own, turn by turn. Seconds by the clock
depend on what else the machine does at each of the two times.""",
    "test_plan[groups]": """The same with every method and many groups. Their sums are what costs memory and disk.""",
    "test_plan[paths]": """The same with few rights of very many paths. No two of them cost the same, and the plan tries only some.""",
    "test_reference[single]": """The C kernels and the Numba kernels give the same bits; the latter need no C compiler. Numba compiles once a
process, which is not timed.""",
    "test_reference[double]": """The same in double precision. What works by vectors has half the speed, `standard_normal`, which makes one number
after another, nearly all of it.""",
    "test_features[single]": """A right that has nothing but income, a factor and lapse, and what each feature adds to it. `all` has a boundary,
a rival, a royalty range, guarantee and cap, and an uncertain start.""",
    "test_features[double]": """The same in double precision. Half as many paths fit a register.""",
    "test_instruction_sets": """The same bits by different instructions: v4 needs AVX-512, v3 AVX2, baseline is for being right. The processor's
best set is chosen by itself.""",
    "test_roofline": """Instructions of the loop that walks paths through the periods, counted from its disassembly, beside the speed of the whole
kernel: statistics and factors are in the time and not in the instructions, so that the loop itself runs at more instructions a cycle than is said.
A fused multiplication and addition is two operations.""",
    "test_samplers[fees]": """The kernel under both samplers at as many paths, rights with fees. Sobol paths cost more each; how many fewer are
needed is told under equal error.""",
    "test_samplers[boundary]": """The same with renewal by a boundary. The control is summed beside each path.""",
    "test_samplers[clamp]": """The same with guarantee and cap. The control is summed beside each path.""",
    "test_paths": """Below some thousand paths what is done once a right, above all its quantiles, weighs more than its paths. Above, the speed no
longer depends on their number.""",
    "test_periods": """What is done once a path (its survival, its statistics) is spread over its years. Long lives are therefore the cheaper by
the year.""",
    "test_methods": """From rows to rows of results, in memory: blanks filled, vectors, boundaries, paths, statistics. Every method ends in the
same kernel.""",
    "test_methods_of_one_year": """cost and market know one year only. Their peer is relief from royalty over one year.""",
    "test_rows_to_vectors": """What comes before the kernel, a row. Periods, fees, curves and survival are computed for all rows of a chunk
together.""",
    "test_boundaries": """The renewal boundary is solved once for a right that may be given up, before its paths. Its cost grows somewhat
faster than its years, as the levels that it can reach do.""",
    "test_intake": """Read, checked, and looked through for ids that occur twice. Nothing is valued.""",
}
"""By the benchmark's name; one that was measured and does not stand here comes last, without a word."""
