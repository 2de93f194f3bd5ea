# Everything that is done to this project by hand has a name here. Needs: Python 3.11 or newer, make, and a
# package index that pip can reach. Choose the interpreter with `make setup PYTHON=python3.12`.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --no-input --disable-pip-version-check
UV     ?= uv

# What `make bench` and `make fuzz` hand on, e.g. `make bench ARGS=--quick`.
ARGS   ?=
# Seconds for which `make fuzz` lets coverage guide it, for each parser.
FUZZ_S ?= 600

# A stamp is made after its step has succeeded, and its step runs again once the lock or pyproject.toml is
# newer than it. That is what lets a second `make run` start at once. The development set contains the
# running set (both locks hold the same versions), so a checkout set up for development is ready to run.
RUN_STAMP := $(VENV)/.set-up-run
DEV_STAMP := $(VENV)/.set-up-dev

# The console's page, made by hatch_build.py with the Node.js that the build group of the locks brings.
WEB      := src/linewatch/console/web
PAGE     := $(WEB)/dist/index.html
PAGE_IS_MADE_FROM := $(wildcard $(WEB)/*.json $(WEB)/*.ts $(WEB)/*.js $(WEB)/*.html) \
                     $(shell find $(WEB)/src $(WEB)/scripts -type f 2>/dev/null)
NPM      := $(BIN)/python hatch_build.py npm

.PHONY: setup run page test check format bench fuzz lock clean help

help:           ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## / - /'

setup: $(DEV_STAMP)  ## make .venv with everything that developing and benchmarking need

run: $(RUN_STAMP) $(PAGE)  ## set up what running needs, then show the demonstration
	$(BIN)/linewatch demo $(ARGS)

page: $(RUN_STAMP) $(PAGE)  ## make the console's page, where it is older than its sources

test: $(DEV_STAMP) $(PAGE)  ## run all tests
	$(BIN)/python -m pytest $(ARGS)

check: $(DEV_STAMP)  ## lint, formatting, types, import contracts; the console's page: types, lint, unit tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(NPM) run --silent check
	$(NPM) run --silent lint
	$(NPM) test --silent

format: $(DEV_STAMP)  ## put the code into the house's form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(DEV_STAMP)  ## run every benchmark, go on after a failing one, print one table
	$(BIN)/python -m benchmarks.run_all $(ARGS)

fuzz: $(DEV_STAMP)  ## feed hostile input to every door, with far more examples than `make test` takes
	HYPOTHESIS_PROFILE=fuzz $(BIN)/python -m pytest tests/fuzz --timeout=1800 $(ARGS)
	$(BIN)/python -m tests.fuzz.guided --each $(FUZZ_S)

# The locks hold versions for every supported Python and platform, and no address of any index.
LOCK := pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url --group build
lock:           ## pin anew (needs uv; add `UPGRADE=--upgrade` to take newer versions)
	$(UV) $(LOCK) $(UPGRADE) --extra dev --extra bench --output-file requirements/dev.lock pyproject.toml
	$(UV) $(LOCK) --constraint requirements/dev.lock --output-file requirements/run.lock pyproject.toml

clean:          ## remove what tools and set-up made, the virtual environment included
	rm -rf $(WEB)/node_modules $(WEB)/dist $(WEB)/public/basemap.json
	rm -rf $(VENV) build dist htmlcov .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find src tests benchmarks examples -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Linewatch needs Python 3.11 or newer; this is " + sys.version.split()[0] + " (choose another with PYTHON=...)")'
	$(PYTHON) -m venv $(VENV)

# Set-up makes the page too (the build hook); this rule is for sources that were edited or pulled since.
$(PAGE): $(PAGE_IS_MADE_FROM) | $(RUN_STAMP)
	$(BIN)/python hatch_build.py build
	touch $(PAGE)

$(DEV_STAMP): requirements/dev.lock pyproject.toml | $(BIN)/python
	$(PIP) install --quiet --requirement requirements/dev.lock
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	touch $(RUN_STAMP) $(DEV_STAMP)

$(RUN_STAMP): requirements/run.lock pyproject.toml | $(BIN)/python
	$(PIP) install --quiet --requirement requirements/run.lock
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	touch $(RUN_STAMP)
