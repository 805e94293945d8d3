# Everything a fresh machine with Python 3.11 or newer needs: `make demo` to look, `make test` to check.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.stamp-installed
TESTS  ?= tests

.DEFAULT_GOAL := help
.PHONY: help demo test lint format types contracts check test-deep tracker test-tracker bench clean

help:                   ## show this
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

demo: $(STAMP)          ## a shop to click through, and the profile it makes of you
	$(BIN)/ariane demo $(DEMO)

test: $(STAMP)          ## all tests, on two processes; TESTS=tests/collector for some
	$(BIN)/pytest -n 2 --dist loadfile $(TESTS)

lint: $(STAMP)          ## what ruff finds wrong
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(STAMP)        ## let ruff mend it
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(STAMP)         ## mypy, strict
	$(BIN)/mypy

contracts: $(STAMP)     ## who may import whom
	$(BIN)/lint-imports

check: lint types contracts test    ## all of the above

test-deep: $(STAMP)     ## 200,000 random histories against the oracle, then other orders of arrival: hours; DEEP=--record=FILE to go on
	@began=$$(date +%s); \
	$(BIN)/python load_tests/against_the_oracle.py --examples 200000 --processes 2 $(DEEP) && \
	$(BIN)/pytest --hypothesis-profile=deep --timeout=0 -p no:xdist tests/sessionizer/test_stateful.py && \
	$(BIN)/python load_tests/shuffles.py --events 50000 --shuffles 100 && \
	$(BIN)/python load_tests/shuffles.py --events 1000000 --shuffles 3 --backends sqlite && \
	$(BIN)/python load_tests/spoofing.py --sequences 100000 && \
	echo "All deep tests passed, in $$(( $$(date +%s) - began )) s"

tracker:                ## rebuild the tracker from tracker_js/ (needs Node 20)
	cd tracker_js && npm ci --no-audit --no-fund && node build.mjs

test-tracker: $(STAMP)  ## the tracker's own tests, in a real browser (needs Node 20 and Chromium)
	cd tracker_js && npm ci --no-audit --no-fund && ARIANE=$(CURDIR)/$(BIN)/ariane npm test

bench: $(STAMP)         ## start-up, memory, idle CPU, write to read
	$(BIN)/python load_tests/footprint.py

clean:                  ## remove what the others made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist tracker_js/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name one with PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "On Debian: apt-get install python3-venv"; exit 1; }
	@echo "Installing into $(VENV): about a minute, once"
	@$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@
