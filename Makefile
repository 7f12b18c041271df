# One word for each job, the same by hand and in CI. Each works alone on a machine that has Python 3.11 and make.
PYTHON ?= python3
WORKERS ?= auto

BIN := .venv/bin
READY := .venv/.ready
FETCHED := .venv/.samples
# What the tests use of the samples that come over the network; where one is absent its tests are skipped.
SAMPLES := air-passengers basic-motions bbc-headlines bbc-news chinese-reviews efficientnet-lite0 en-fr-titles \
	fashion-mnist gunpoint japanese-vowels minilm mnist mobilenet-v2 nlp-corpus people-daily-tags spoken-digits \
	spoken-digits-voices spoken-language taylor titanic
# As variables of the environment the pins hold for the packages that build luban as well.
PINS := $(CURDIR)/constraints.txt
# One thread for each library: the tests already use every core, and results must not depend on it.
TEST := OMP_NUM_THREADS=1 $(BIN)/pytest -n $(WORKERS) --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help setup demo test quick check bench bench-doctor docs soak

help:  ## Show these lines.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(READY) $(FETCHED)  ## Make .venv, install luban with everything pinned in constraints.txt, fetch samples.

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	PIP_CONSTRAINT=$(PINS) PIP_BUILD_CONSTRAINT=$(PINS) $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[all,dev]'
	touch $@

# Those that cannot be fetched are told, and tried again the next time.
$(FETCHED): $(READY)
	@all=yes; for name in $(SAMPLES); do $(BIN)/luban sample $$name --fetch || all=no; done; \
	if [ $$all = yes ]; then touch $@; else echo "not all samples are here: their tests are skipped"; fi

demo: $(READY)  ## Train on a real table, show the honest result, one answer, and what to try next.
	@PATH="$(CURDIR)/$(BIN):$$PATH" bash examples/demo.sh

test: $(READY)  ## The whole suite.
	$(TEST) -m "not soak"

quick: $(READY)  ## What runs within a minute.
	$(TEST) -m "not soak and not slow" tests

check: $(READY)  ## Format, lint, types, floors.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)  ## Run every benchmark and write docs/benchmarks.md.
	$(BIN)/python benchmarks

bench-doctor: $(READY)  ## Plant faults in programs and fits, and print what is found and repaired.
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/doctor.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/repairs.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/answers.py

docs: $(READY)  ## Write docs/reference/ from the code, and the tour of the READMEs from a run.
	$(BIN)/python docs/generate.py
	$(BIN)/python docs/tour.py

soak: $(READY)  ## The long tests: a hundred kills.
	$(TEST) -m soak
