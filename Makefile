# Everything runs from .venv, made here from the hash-pinned requirements. Needs python3 (3.11 or later) with venv.
.DEFAULT_GOAL := help
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
UV_COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header
# Processes that tests run on. More than there are cores, for many tests wait most of the time.
WORKERS ?= 6
# Contracts must stay compatible with those of the branch main. A redesign that breaks callers on purpose names here what it
# replaces: the hash that `git rev-parse main:protos/leadsync` prints. Once main has it, the line has no effect any more.
REPLACED_CONTRACTS := 50382fd73b8ac29489a6d437bea9f9fe107548d4
# Tests start hundreds of processes. An empty value lets Python keep what it has compiled for the next one.
export PYTHONDONTWRITEBYTECODE :=
SOURCES := protos/src services/webhook-gateway/src services/lead-store/src services/crm-connector/src cli/src simulators/hubspot/src
.PHONY: help run demo secrets test test-full test-clients test-console test-compose test-mongo prove mutate fuzz flood bench bench-full bench-scale soak soak-short nightly check gen fmt pins

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.runtime ## Run everything here: database, services and, without a HubSpot token, the HubSpot simulator
	@exec $(BIN)/leadsync up

demo: $(VENV)/.runtime ## Play the test checklist on the running suite, or on a fresh one
	@exec $(BIN)/leadsync demo

secrets: $(VENV)/.runtime ## Make secrets/ for docker compose: keys, passwords and certificates; what is there stays
	@$(BIN)/leadsync secrets && $(BIN)/leadsync certs --folder secrets/tls --for-containers

test: $(VENV)/.dev ## Run all tests: unit, integration, end to end
	$(BIN)/python -m pytest -n $(WORKERS) tests/e2e tests/proof tests/integration tests/unit tests/fuzz --durations=10 $(ARGS)

test-full: ## Run them in their full size: some with thousands of records, some searching further
	@LEADSYNC_TEST_FULL=1 $(MAKE) --no-print-directory test

test-clients: $(VENV)/.dev ## Build the example gRPC clients in Python, Go and Node and run them against a suite
	@examples/grpc/build
	$(BIN)/python -m pytest tests/e2e/test_grpc_clients.py $(ARGS)

test-console: $(VENV)/.console ## Play the console in a real browser: needs Debian's package chromium, or CHROMIUM=path
	$(BIN)/python -m pytest -n $(WORKERS) tests/e2e/console --durations=5 $(ARGS)

test-compose: $(VENV)/.runtime ## Bring docker-compose.yml up for real, play the demo on it and take it down; needs Docker
	$(BIN)/python -m tools.test_compose

test-mongo: $(VENV)/.dev ## Run the database tests on a real MongoDB: that of MONGO_TEST_URL, or three members in Docker
	$(BIN)/python -m tools.test_mongo $(ARGS)

prove: $(VENV)/.dev ## Search further for broken laws than the tests do, to the end or for SECONDS=300; SEED=7 draws others
	LEADSYNC_PROVE=1 LEADSYNC_PROVE_SECONDS=$(SECONDS) LEADSYNC_PROVE_SEED=$(or $(SEED),$(shell date +%s)) \
		$(BIN)/python -m pytest -n 2 -rP tests/integration/lead_store/queue tests/proof $(ARGS)

mutate: $(VENV)/.mutation ## Break the planner in each small way and see that a unit test notices
	$(BIN)/python -m tools.mutate $(ARGS)

fuzz: $(VENV)/.fuzz ## Fuzz every reader of foreign text for SECONDS=60 each; SEED=7 tries the same again, TARGETS="value person" some
	PYTHONPATH=tests $(BIN)/python -m fuzz --seconds $(or $(SECONDS),60) $(if $(SEED),--seed $(SEED)) $(TARGETS)

flood: $(VENV)/.dev ## Send 100,000 hostile requests, good webhooks beside them, and see what it takes; REQUESTS=9000 SEED=7
	PYTHONPATH=tests $(BIN)/python -m flood --requests $(or $(REQUESTS),100000) $(if $(SEED),--seed $(SEED)) $(ARGS)

bench: $(VENV)/.dev ## Measure everything on an idle machine and write docs/benchmarks.md: a quarter of an hour
	PYTHONPATH=tests $(BIN)/python -m bench $(ARGS)

bench-full: $(VENV)/.dev ## The same, and with a million leads
	PYTHONPATH=tests $(BIN)/python -m bench --full $(ARGS)

bench-scale: $(VENV)/.dev ## Check the arithmetic of docs/scaling.md with two of each service and 50 portals: one to five minutes
	PYTHONPATH=tests $(BIN)/python -m bench.scale $(ARGS)

soak: $(VENV)/.dev ## Ten minutes of faults on real processes, then an audit; SECONDS=120 SEED=7 choose others, PAIRS=1 two of each
	PYTHONPATH=tests $(BIN)/python -m soak --seconds $(or $(SECONDS),600) $(if $(SEED),--seed $(SEED)) \
		$(if $(PAIRS),--pairs) $(ARGS)

soak-short: ## One minute of it
	@$(MAKE) --no-print-directory soak SECONDS=60

nightly: test-full mutate prove fuzz flood soak ## Everything that takes long: full sizes, the whole search for broken laws, ten minutes of faults
	@$(MAKE) --no-print-directory soak PAIRS=1

check: $(VENV)/.dev ## Look for faults without running anything: style, types, layers, contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/buf lint
	@for branch in origin/main main; do \
		if git rev-parse --quiet --verify "$$branch:protos/leadsync" >/dev/null 2>&1; then against=$$branch; break; fi; \
	done; \
	if [ -z "$${against:-}" ]; then echo "buf breaking: no main branch with contracts here, nothing to compare with"; exit; fi; \
	if [ "$$(git rev-parse "$$against:protos/leadsync")" = "$(REPLACED_CONTRACTS)" ]; then \
		echo "buf breaking: the contracts of $$against are replaced on purpose, see REPLACED_CONTRACTS"; exit; \
	fi; \
	old=$$(mktemp -d); trap 'rm -rf "$$old"' EXIT; \
	echo "buf breaking --against $$against"; git archive "$$against" buf.yaml protos | tar -x -C "$$old" && $(BIN)/buf breaking --against "$$old"
	$(BIN)/python tools/gen_protos.py --check

gen: $(VENV)/.dev ## Generate the code of the contracts
	$(BIN)/python tools/gen_protos.py

fmt: $(VENV)/.dev ## Format the code and mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

pins: $(VENV)/.dev ## Compile requirements/*.in to *.txt again, with hashes
	$(UV_COMPILE) --output-file requirements/dev.txt requirements/dev.in
	$(UV_COMPILE) --constraints requirements/dev.txt --output-file requirements/runtime.txt requirements/runtime.in
	@for member in lead-store crm-connector webhook-gateway hubspot-simulator; do \
		$(UV_COMPILE) --constraints requirements/runtime.txt \
			--output-file requirements/$$member.txt requirements/$$member.in || exit 1; \
	done
	$(UV_COMPILE) --constraints requirements/dev.txt --output-file requirements/mutation.txt requirements/mutation.in
	$(UV_COMPILE) --constraints requirements/dev.txt --output-file requirements/fuzz.txt requirements/fuzz.in
	$(UV_COMPILE) --constraints requirements/dev.txt --output-file requirements/console.txt requirements/console.in

# Our own packages are put on the path by one .pth file, where pip install --editable would need its build tools first:
# so `make run` needs nothing but the runtime, and nothing is ever built or installed twice.
$(VENV)/.runtime: requirements/runtime.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed: make PYTHON=python3.x"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "The venv module is missing; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	$(PIP) install --quiet --require-hashes -r requirements/runtime.txt
	@site=$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))'); \
	for folder in $(SOURCES); do echo "$(CURDIR)/$$folder"; done > "$$site/leadsync-sources.pth"
	@printf '#!/bin/sh\nexec "$$(dirname "$$(readlink -f "$$0")")/python" -m leadsync_cli "$$@"\n' > $(BIN)/leadsync
	@chmod +x $(BIN)/leadsync
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.runtime
	$(PIP) install --quiet --require-hashes -r requirements/dev.txt
	@touch $@

$(VENV)/.console: requirements/console.txt $(VENV)/.dev
	$(PIP) install --quiet --require-hashes -r requirements/console.txt
	@touch $@

$(VENV)/.mutation: requirements/mutation.txt $(VENV)/.dev
	$(PIP) install --quiet --require-hashes -r requirements/mutation.txt
	@touch $@

$(VENV)/.fuzz: requirements/fuzz.txt $(VENV)/.dev
	$(PIP) install --quiet --require-hashes -r requirements/fuzz.txt
	@touch $@
