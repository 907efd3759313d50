# Two commands do everything: `make run` and `make test`. `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help run test lint types house format bench bench-sequential bench-growth bench-micro bench-peers test-path test-clients soak lock clean setup setup-dev docs

help: ## Show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

run: setup ## Set up, then start the proxy: against Telnyx if TELNYX_API_KEY is set, else with the built-in emulator
	@if [ -n "$$TELNYX_API_KEY" ]; then exec $(BIN)/telnyx-proxy serve --config config/proxy.yaml; else exec $(BIN)/telnyx-proxy demo; fi

test: setup-dev lint types ## Set up, then lint, types, house rules and every test
	$(BIN)/python -m pytest -n 2 --dist worksteal --reruns 1 --cov --cov-report=term --cov-report=json:.coverage.json
	$(BIN)/python tests/house/coverage_floor.py .coverage.json

lint: setup-dev ## Ruff, formatting and the import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: setup-dev ## mypy --strict on the program and its tests
	$(BIN)/mypy

format: setup-dev ## Let ruff format and fix what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: setup-dev ## Write the generated documentation again
	$(BIN)/python -m proxy.cli.reference

bench: setup-dev ## Ratios beside a bare aiohttp relay, measured in one run
	$(BIN)/python -m tests.bench

bench-sequential: setup-dev ## Added latency, one request after another, as comparisons are published
	$(BIN)/python -m tests.bench --sequential

bench-growth: setup-dev ## What grows with connections, keys, models and sizes
	$(BIN)/python -m tests.bench --growth

bench-peers: setup-dev ## The same beside rival gateways, installed from their registries into .cache (about 1 GB)
	$(BIN)/python -m tests.bench.peers

bench-micro: setup-dev ## Every hot function beside a fixed piece of work, and what has become slower
	$(BIN)/python -m tests.bench.micro

test-path: setup-dev ## What a request goes through, for other Pythons: make test-path PYTHON=python3.13 VENV=.venv-3.13
	$(BIN)/python -m pytest -n 2 --dist worksteal --reruns 1 tests/journeys tests/upstream/test_transport.py tests/edge/test_connection.py tests/storage/test_ledger.py

test-clients: setup-dev ## Every client of the matrix, each in its own environment (some minutes, about 3 GB in .cache)
	$(BIN)/python -m tests.clients

soak: setup-dev ## Kill the proxy under traffic, 300 times, and compare its ledger; then search for new counterexamples
	$(BIN)/python -m tests.soak
	$(BIN)/python -m pytest -n 2 -m hypothesis --hypothesis-profile=search

lock: ## Resolve the newest versions into the lock files (needs uv)
	uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --group dev -o requirements-dev.lock
	uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate -c requirements-dev.lock --group build -o requirements.lock

clean: ## Remove everything that was made here
	rm -rf $(VENV) .venv-* dist .coverage* .schemathesis .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

setup: $(VENV)/.run
setup-dev: $(VENV)/.dev

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements.lock pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@ $(VENV)/.run
