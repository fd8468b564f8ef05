# make demo     dirty tables into a HubSpot on localhost, through Dagster; ends by itself
# make ui       the same in Dagster's UI, until Ctrl-C
# make test     lint, types, tests
# make help     the rest

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help install demo ui check test lint types tests wheel-test bench torture docs wheel release-check matrix clients hosts clean

help:
	@echo "make demo      dirty tables into a HubSpot on localhost, through Dagster; ends by itself"
	@echo "make ui        the same in Dagster's UI, until Ctrl-C"
	@echo "make install   the environment alone, in $(VENV) (PYTHON=python3.12 chooses another Python)"
	@echo "make check     lint, types, the quick tests: while you work"
	@echo "make test      lint, types, tests (= make lint types tests)"
	@echo "make bench     rows a second, beside other ways to do it"
	@echo "make torture   killed processes and broken connections, for minutes"
	@echo "make docs      the documentation as a site, in site/"
	@echo "make wheel     the wheel and the source archive in dist/, installed into a clean environment"
	@echo "make wheel-test   the same, and the first sync of the docs with it"
	@echo "make matrix    the oldest and the newest libraries, in .matrix/"
	@echo "make clients   clients that others wrote, against the emulator, in .clients/"
	@echo "make hosts     Dagster with Celery workers that share no disk, one of them killed, in .hosts/"
	@echo "make clean     remove $(VENV), .matrix, .clients, .hosts, .demo, site, dist and caches"

install: $(STAMP)

# Made again when pyproject.toml changes; otherwise this costs nothing.
$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || { \
	    echo "Python 3.10 or newer is needed; $(PYTHON) is: $$($(PYTHON) --version 2>&1)."; \
	    echo "Name another one: make install PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || { echo "Making $(VENV)"; $(PYTHON) -m venv $(VENV); } || { \
	    echo "$(PYTHON) cannot make a virtual environment. On Debian and Ubuntu: apt-get install python3-venv"; \
	    rm -rf $(VENV); exit 1; }
	@echo "Installing into $(VENV) (about a minute, once)"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -e '.[test]'
	@touch $(STAMP)

demo: $(STAMP)
	@$(BIN)/python -m example_project.demo

ui: $(STAMP)
	@EXAMPLE_HOME=.demo/ui $(BIN)/python -m example_project.ui

# What needs no server of its own and no other process.
QUICK := tests/table tests/operations tests/api/test_answers.py tests/api/test_bodies.py

check: lint types
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -q $(QUICK)

test: lint types tests

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

# The floor is one point below what is measured, of lines and branches together.
COVERAGE := --cov=hubspot_batch_dagster --cov-branch --cov-report= --cov-fail-under=95

tests: $(STAMP)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -q $(COVERAGE)

$(VENV)/.installed-bench: $(STAMP)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -e '.[bench]'
	@touch $@

bench: $(VENV)/.installed-bench
	$(BIN)/python benchmarks/run.py

torture: $(STAMP)
	$(BIN)/python -m tests.torture
	$(BIN)/python -m tests.torture.associations
	$(BIN)/python -m tests.torture.identity
	$(BIN)/python -m tests.torture.take_over
	$(BIN)/python -m tests.torture.worlds
	HUBSPOT_FUZZ_EXAMPLES=20000 $(BIN)/python -m pytest -q --no-header tests/api/test_answer_fuzz.py

docs: $(STAMP)
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "site/index.html"

# An environment of its own: whoever builds a wheel need not install what the tests need.
WHEEL := .wheel
$(WHEEL)/.installed:
	@$(PYTHON) -m venv $(WHEEL)
	@$(WHEEL)/bin/python -m pip install -qq --disable-pip-version-check build twine
	@touch $@

wheel: $(WHEEL)/.installed
	rm -rf build dist
	$(WHEEL)/bin/python -m build
	$(WHEEL)/bin/twine check --strict dist/*
	@$(PYTHON) -m venv --clear $(WHEEL)/tried
	@$(WHEEL)/tried/bin/python -m pip install -qq --disable-pip-version-check dist/*.whl
	$(WHEEL)/tried/bin/hubspot-batch-dagster --version

wheel-test: $(STAMP) wheel
	WHEEL_DIST=dist $(BIN)/python -m pytest -q tests/packaging

# Before a release: TAG=v1.2.3 is the version of pyproject.toml, and the changelog has a section for it.
release-check:
	@version=$$(sed -n 's/^version = "\(.*\)"$$/\1/p' pyproject.toml); \
	test "$$TAG" = "v$$version" || { \
	    echo "The tag is '$$TAG', and pyproject.toml says $$version. Tag v$$version, or change the version."; exit 1; }; \
	grep -q "^## $$version" CHANGELOG.md || { \
	    echo "CHANGELOG.md has no section '## $$version'. Name what is unreleased after the version."; exit 1; }

matrix:
	$(PYTHON) tests/packaging/matrix.py

clients: $(STAMP)
	$(BIN)/python tests/clients/run.py

hosts: $(STAMP)
	$(BIN)/python tests/hosts/run.py

clean:
	rm -rf $(VENV) $(WHEEL) .matrix .clients .hosts .demo .hubspot build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage*
