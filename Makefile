# The front door. `make demo` and `make test` do all set-up themselves; `make help` lists the rest.
.DEFAULT_GOAL := help
.PHONY: help demo test check lint type arch digest bench soak fuzz requirements conformance system-deps peers lock clean
SHELL := /bin/sh
BIN := .venv/bin
SYSTEM_PACKAGES := git mosquitto openssl socat tshark
APT := apt-get install --yes --no-install-recommends $(SYSTEM_PACKAGES)

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | awk -F'\t' '{ printf "  make %-14s %s\n", $$1, $$2 }'

demo: ## one virtual day of the whole home; ARGS="--seed 7" for another one
	@requirements/venv.sh runtime
	@$(BIN)/meterbench demo --out out/demo $(ARGS)

test: $(if $(filter true,$(CI)),lint type arch) ## the tests (with CI=true: lint, type and arch before them); ARGS="-k hdlc" for some
	@requirements/venv.sh dev
	@$(BIN)/python -m pytest -n auto --dist loadscope $(ARGS)

check: lint type arch test ## lint, type, arch and test

lint: ## ruff: its rules and its format
	@requirements/venv.sh dev
	@$(BIN)/ruff check --output-format concise .
	@$(BIN)/ruff format --check --quiet . || { echo "not formatted; \`$(BIN)/ruff format .\` does it"; exit 1; }

type: ## mypy --strict over the four packages
	@requirements/venv.sh dev
	@$(BIN)/mypy

arch: ## the layers and their rules, by import-linter
	@requirements/venv.sh dev
	@$(BIN)/lint-imports --no-logo

digest: ## one seed of the demo under two hash seeds: the event log's digest must be the same
	@requirements/venv.sh runtime
	@for hash in 0 1; do PYTHONHASHSEED=$$hash $(BIN)/meterbench demo --out out/digest/$$hash $(ARGS) >/dev/null || exit 1; done
	@cmp out/digest/0/journal.jsonl out/digest/1/journal.jsonl && echo "same journal, same digest" && tail -n 1 out/digest/0/journal.jsonl

bench: peers ## how fast: the programs of tests/bench, each with its gate
	@requirements/venv.sh dev
	@failed=0; for file in tests/bench/[a-z]*.py; do \
		name=$$(basename $$file .py); echo "== $$name"; $(BIN)/python -m tests.bench.$$name $(ARGS) || failed=1; \
	done; exit $$failed

soak: ## a month of a home on a bad radio, one of a street, hundreds of storms, every power cut; DAYS=3 HOMES=5 for less
	@requirements/venv.sh dev
	@METERBENCH_SOAK_DAYS=$(or $(DAYS),30) METERBENCH_STREET=$(or $(HOMES),100)x$(or $(DAYS),30) HYPOTHESIS_PROFILE=soak \
		$(BIN)/python -m pytest -q tests/sim/test_soak.py tests/sim/test_street.py tests/sim/test_storm.py tests/sim/test_power_cuts*.py $(ARGS)

fuzz: ## octets that break a parser, looked for by atheris: SECONDS=20 for each target, ARGS="session axdr" for some
	@requirements/venv.sh fuzz
	@.venv-fuzz/bin/python -m tests.fuzz.run --seconds $(or $(SECONDS),20) $(ARGS)

requirements: peers ## run every test and write docs/requirements.md and docs/dlms-conformance.md from what passed; docs/pics.md, docs/translation.md
	@requirements/venv.sh dev
	@$(BIN)/python -m tests.pics
	@$(BIN)/python -m tests.data_model
	@$(BIN)/python -m tests.translation
	@$(BIN)/python -m tests.architectures
	@METERBENCH_REQUIRE_ALL=1 $(BIN)/python -m tests.traceability

conformance: peers ## run the tests of DLMS/COSEM rows and write docs/dlms-conformance.md
	@requirements/venv.sh dev
	@METERBENCH_REQUIRE_ALL=1 $(BIN)/python -m tests.traceability conformance

system-deps: ## install the programs that some tests run (root or sudo, else the command is printed)
	@if [ "$$(id -u)" = 0 ]; then DEBIAN_FRONTEND=noninteractive $(APT); \
	elif sudo -n true 2>/dev/null; then sudo DEBIAN_FRONTEND=noninteractive $(APT); \
	else echo "not root, and sudo asks for a password; run: sudo $(APT)"; fi

peers: ## .venv-peers with the third-party judges, apart from ours
	@requirements/venv.sh peers

lock: ## write the lock files anew (needs uv)
	@requirements/lock.sh

clean: ## remove environments, caches and what runs left behind
	@rm -rf .venv .venv-peers .venv-fuzz out build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
