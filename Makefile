# Every target brings what it needs; the second time it finds it there.
#   make run     everything on this machine, with demo accounts, until Ctrl-C
#   make test    all tests, reduced counts
#   make test-long  credits at full counts: 2,000 sequences beside a model, 20 runs of every crowd (an hour)
#   make chaos   CHAOS_MINUTES (30) of kill -9 under load, then the accounting
#   make fuzz    FUZZ_MINUTES (5) of mutated input for each parser
#   make bench   measure beside Postfix, OpenDKIM and Haraka (root; on a quiet machine)
#   make lint    style, types, layers, schema drift
.PHONY: run test test-long chaos fuzz lint schema lock clean python python-dev bench
MAKEFLAGS += --no-print-directory
SHELL := /bin/sh

run: python
	@cli/setup/web.sh if-node || echo "The dashboard could not be built (see above); everything else runs."
	@exec .venv/bin/livery run --demo

test: python-dev
	@.venv/bin/python -m tests.support.setup
	@cli/setup/web.sh
	cd web-vue && npm test
	.venv/bin/python -m pytest -n 2

test-long: python-dev
	@.venv/bin/python -m tests.support.setup
	LIVERY_TEST_LONG=1 .venv/bin/python -m pytest tests/tenants/test_credits_model.py tests/flows/test_spending.py

# CHAOS_MINUTES of kill -9 on both brokers, added up with earlier runs: docs/chaos.md
chaos: python-dev
	@.venv/bin/python -m tests.support.setup
	@.venv/bin/python -m tests.chaos

# FUZZ="html additions" for some of them; the seed it prints makes a run happen again: FUZZ="--seed 17"
fuzz: python-dev
	.venv/bin/python -m tests.fuzz --minutes $(or $(FUZZ_MINUTES),5) $(FUZZ)

# BENCH="--rounds 1 --messages 500" for a first look
bench: python-dev
	@.venv/bin/python -m bench.peers.setup
	.venv/bin/python -m bench $(BENCH)
	.venv/bin/python -m bench.memory
	.venv/bin/python -m bench.auth
	.venv/bin/python -m bench.logins
	.venv/bin/python -m bench.credits
	.venv/bin/python -m bench.additions
	.venv/bin/python -m bench.clicks

lint: python-dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	@cli/setup/web.sh packages
	cd web-vue && npm run codegen && npm run lint && npm run typecheck && npm run format:check
	.venv/bin/livery schema --check

# api/schema.graphql as the code serves it
schema: python
	.venv/bin/livery schema --write

# Locks hold for every supported Python and platform, carry hashes and name no registry.
LOCK = .venv/bin/uv pip compile --quiet --universal --python-version 3.12 --generate-hashes --no-emit-index-url --no-header
lock: python-dev
	$(LOCK) pyproject.toml --extra embedded -o requirements.lock
	$(LOCK) --group pyproject.toml:dev -c requirements.lock -o requirements-dev.lock

# What can be made again. The data folder (.livery) stays.
clean:
	rm -rf .venv web-vue/node_modules web-vue/dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

python:
	@cli/setup/python.sh

python-dev:
	@cli/setup/python.sh dev
