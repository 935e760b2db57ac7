# make run        values the shipped portfolio of US brand drugs: results/us_drugs/ and results/us_drugs.png
# make test       the tests (about the same on every machine: no timings asserted)
# make test-all   the slow ones too
# make bench      speed, beside peers, in some minutes (make bench-full: the figures to quote, and docs/benchmarks.md)
# make lint types
# make docs       the pages checked and built: build/site/index.html
# make clean
#
# Everything is installed in .venv. PYTHON=python3.12 chooses the interpreter it is made with.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP     = $(BIN)/python -m pip --disable-pip-version-check
PYTEST  = $(BIN)/python -m pytest
# tests on all cores, a file by one process, which prepares what the file needs once; `ARGS='-n 0'` runs them one after another
SPREAD := -n logical --maxprocesses 4 --dist loadfile

EXAMPLE := examples/us_drugs
RESULTS := results/us_drugs
PATHS   ?= 10000

# what the extension module is made of; everything else is read in place
NATIVE := $(filter-out ext/constants.h ext/kernel.c,$(wildcard ext/*.c ext/*.h ext/*.inc ext/*.pyx ext/*.pxi)) engine/constants.py

.DELETE_ON_ERROR:
.PHONY: run test test-all bench bench-full lint format types docs build clean help

help:
	@sed -n 's/^# //p' Makefile | sed -n '1,8p'

# ------------------------------------------------------------------------------------------------ environment

$(VENV)/made: constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --constraint constraints.txt setuptools Cython
	@touch $@

# requirements of some extras of pyproject.toml, one a line
requirements = $(BIN)/python -c 'import sys, tomllib; project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
    print(*project["dependencies"], *(r for e in sys.argv[1:] for r in project["optional-dependencies"][e]), sep="\n")'

$(VENV)/installed: $(VENV)/made pyproject.toml setup.py
	$(requirements) chart xlsx > $(VENV)/requirements.txt
	$(PIP) install --quiet --constraint constraints.txt --requirement $(VENV)/requirements.txt
	@rm -f $(VENV)/linked
	@touch $@

# the first time, and after a change of the build files, the project is installed (in place); then only the kernel is compiled again
$(VENV)/built: $(VENV)/installed $(NATIVE)
	@if [ -e $(VENV)/linked ]; \
	then echo compiling the kernel; $(BIN)/python setup.py --quiet build_ext --inplace; \
	else echo installing ipvalue in place; $(PIP) install --quiet --no-build-isolation --no-deps --editable . && touch $(VENV)/linked; fi
	@touch $@

# the tools of tests, lint and types: only what is missing is fetched, nothing is compiled
$(VENV)/tools: $(VENV)/installed
	$(requirements) test dev > $(VENV)/tools.txt
	$(PIP) install --quiet --constraint constraints.txt --requirement $(VENV)/tools.txt
	@touch $@

# what the documentation is built with
$(VENV)/pages: $(VENV)/tools
	$(requirements) docs > $(VENV)/pages.txt
	$(PIP) install --quiet --constraint constraints.txt --requirement $(VENV)/pages.txt
	@touch $@

# the libraries that bench-full compares with
$(VENV)/peers: $(VENV)/tools
	$(requirements) bench-peers > $(VENV)/peers.txt
	$(PIP) install --quiet --constraint constraints.txt --requirement $(VENV)/peers.txt
	@touch $@

build: $(VENV)/built

# ------------------------------------------------------------------------------------------------ what people type

run: $(VENV)/built
	@mkdir -p results
	$(BIN)/ipvalue value $(EXAMPLE)/portfolio.parquet --market $(EXAMPLE)/market.toml \
	    $(if $(wildcard $(EXAMPLE)/assumptions.toml),--assumptions $(EXAMPLE)/assumptions.toml) \
	    --paths $(PATHS) --overwrite --out $(RESULTS)
	$(BIN)/ipvalue show $(RESULTS)
	$(BIN)/python $(EXAMPLE)/chart.py $(RESULTS) $(RESULTS).png

test: $(VENV)/built $(VENV)/tools
	$(PYTEST) $(SPREAD) -m 'not slow' $(ARGS)

test-all: $(VENV)/built $(VENV)/tools
	$(PYTEST) $(SPREAD) $(ARGS)

# CPU seconds of one core: BLAS is not to spin beside it
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1

BENCH = $(ONE_THREAD) $(PYTEST) bench -v -s --benchmark-disable-gc

# some minutes; its page and charts are for a look: results/bench/
bench: $(VENV)/built $(VENV)/tools
	@mkdir -p results/bench
	$(BENCH) --benchmark-json=results/bench/measurements.json $(ARGS)
	$(BIN)/python bench/make_page.py results/bench/measurements.json results/bench

# all peers, more of everything, a whole register, and docs/benchmarks.md with its charts: twenty minutes and more, 5 GB of disk
bench-full: $(VENV)/built $(VENV)/peers
	@mkdir -p results/bench-full
	IPVALUE_BENCH=full $(BENCH) --benchmark-json=results/bench-full/measurements.json $(ARGS)
	$(BIN)/python bench/make_page.py results/bench-full/measurements.json

# ------------------------------------------------------------------------------------------------ checks

LINTED := setup.py engine cli $(wildcard ext/*.py ext/*.pyi) tests bench docs examples

lint: $(VENV)/tools
	$(BIN)/ruff check $(LINTED)
	$(BIN)/ruff format --check $(LINTED)

format: $(VENV)/tools
	$(BIN)/ruff check --fix $(LINTED)
	$(BIN)/ruff format $(LINTED)

# mypy does not follow an editable install through its directory mapping: the package is laid out for it with links
types: $(VENV)/tools
	rm -rf build/types && mkdir -p build/types/ipvalue
	ln -s $(CURDIR)/engine/* $(CURDIR)/ext $(CURDIR)/cli build/types/ipvalue/
	MYPYPATH=build/types $(BIN)/mypy --strict -p ipvalue

# pages checked, and built into build/site
docs: $(VENV)/built $(VENV)/tools $(VENV)/pages
	$(BIN)/python docs/check.py $(if $(UPDATE),--update)
	cd docs && ../$(BIN)/python -m pages.site

clean:
	rm -rf build dist results .mypy_cache .ruff_cache .pytest_cache .hypothesis ipvalue.egg-info
	rm -f ext/*.so ext/constants.h ext/kernel.c
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
	rm -f $(VENV)/built
