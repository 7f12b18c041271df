# One word for each job, the same by hand and in CI. Every job works alone on a fresh machine.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup check test quick

setup: .venv/ready

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[all,dev]'
	touch .venv/ready

check: setup ## format, lint, types, floors
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: setup ## the whole suite
	$(BIN)/pytest

quick: setup ## a fast part of the suite
	$(BIN)/pytest -m "not slow and not soak"
