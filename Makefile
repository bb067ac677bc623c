SHELL := /bin/bash
PY := .venv/bin/python
SPREAD := -q -n 2 --dist loadfile --no-loadscope-reorder
.DEFAULT_GOAL := help

.PHONY: help venv demo run test test-all check bench soak wire lock clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

.venv/.ready: requirements.lock requirements-dev.lock pyproject.toml
	python3 -m venv .venv
	.venv/bin/pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements.lock -r requirements-dev.lock
	.venv/bin/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

venv: .venv/.ready ## Virtual environment from the hashed lock

demo: .venv/.ready ## The whole story in one command; stays up until Ctrl-C
	@$(PY) -m cozeloop demo

run: .venv/.ready ## Start the platform on http://127.0.0.1:8888
	@$(PY) -m cozeloop up

check: .venv/.ready ## Format, lint, types, import rules, rooms, unit and property tests; no server needed
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports --no-cache
	$(PY) -m pytest -q -n 2 tests/architecture tests/unit tests/property

test: .venv/.ready ## The embedded shape whole, with the GSM8K run; databases when reachable
	$(PY) -m pytest $(SPREAD) -m "not slow and not kill" tests
	@echo "left out: the suites marked slow and kill (make test-all); skipped ones are listed above with their reason"

test-all: .venv/.ready ## Everything, with the kill -9 suites
	$(PY) -m pytest $(SPREAD) tests

bench: .venv/.ready ## Measure, with the raw engine as reference in the same run
	$(PY) -m tests.benchmarks

soak: .venv/.ready ## The long races and kill loops
	COZELOOP_SOAK=1 $(PY) -m pytest -q -m "slow or kill" tests

wire: .venv/.ready ## Generate the wire models from the contract file, and the documentation from the routes
	$(PY) -m cozeloop.api.wire
	$(PY) -m cozeloop.api.openapi
	$(PY) -m docs.generate

lock: ## Resolve the lock files anew (needs uv)
	uv pip compile requirements.in --excludes requirements-excludes.txt --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -q -o requirements.lock
	uv pip compile requirements-dev.in --excludes requirements-excludes.txt --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -q -o requirements-dev.lock
