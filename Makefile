# The contract: every target works on a fresh machine after `make install`, which each of them calls.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
RECIPE ?= beam_jobs/recipes/wit.toml
ROOT   ?= ./data
BEAM   ?=
ONLY   ?=
STAGES := queries extract frontier crawl filter dedup balance shard audit

.DEFAULT_GOAL := help
.PHONY: help install demo build $(STAGES) train eval report test test-all lint engines wheel bench bench-check mutants clean

help: ## this list
	@grep -hE '^[a-z][a-z -]*:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12
	@echo "RECIPE=$(RECIPE)  ROOT=$(ROOT)  BEAM='$(BEAM)'   stages: $(STAGES)"

install: $(VENV)/.installed ## make .venv with everything

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -c constraints.txt torch torchvision
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[train,dev]'
	@$(BIN)/python -m pip install --quiet -c constraints.txt pdqhash 2> /dev/null \
		|| echo "pdqhash cannot be compiled here: the tests of PDQ will skip"
	@touch $@

demo: install ## a dump, a web, a dataset and a model, on this machine alone, in ./demo
	$(BIN)/python -m beam_jobs.demo

build: install ## all stages: RECIPE=… ROOT=… BEAM='--flags for Beam'
	$(BIN)/wit build --recipe $(RECIPE) --root $(ROOT) $(if $(BEAM),-- $(BEAM))

$(STAGES): install ## one stage: make crawl RECIPE=… ROOT=…
	$(BIN)/wit $@ --recipe $(RECIPE) --root $(ROOT) $(if $(BEAM),-- $(BEAM))

train: install ## CLIP on the shards of ROOT, by the recipe's [train]
	$(BIN)/wit-clip train --recipe $(RECIPE) --shards '$(ROOT)/shard/*.tar' --out $(ROOT)/train

eval: install ## zero-shot: make eval ROOT=… DATASET=name=folder
	$(BIN)/wit-clip eval --checkpoint $(ROOT)/train --dataset $(DATASET) --out $(ROOT)/eval

report: install ## ROOT/report/index.html
	$(BIN)/wit report --root $(ROOT)

test: install ## the suite, without what is marked slow, in two processes
	$(BIN)/python -m pytest -q -n 2 --dist loadfile --max-worker-restart 0

test-all: install ## the slow tests too
	$(BIN)/python -m pytest -q -m '' -o faulthandler_timeout=3600

lint: install ## ruff, mypy, import-linter, codespell
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell

engines: ## Prism and Beam's own boot in .engines, where Go is: what tests of other engines need
	$(PYTHON) .ci/engines.py

wheel: install ## the wheel, built, installed alone and used outside the checkout
	$(BIN)/python .ci/wheel.py

bench: install ## the measurements behind the claims, side by side with the peers
	$(BIN)/python -m benchmarks

bench-check: install ## the quick measurements, and whether their ratios keep to benchmarks/bounds.json
	$(BIN)/python -m benchmarks.check

mutants: install ## small changes of the rules, and how many of them the tests notice: make mutants ONLY='balance filter'
	$(BIN)/python -m pip install --quiet -c constraints.txt cosmic-ray
	$(BIN)/python .ci/mutants.py $(ONLY)

clean: ## what the targets made here, .venv excepted
	rm -rf demo build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -not -path './.venv/*' -exec rm -rf {} +
