# What a newcomer types. `make help` lists it. Everything is set up inside the checkout: .venv/ and .tools/.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STOKER := $(BIN)/stoker
export PATH := $(CURDIR)/$(BIN):$(CURDIR)/.tools/bin:$(PATH)
CONFIG ?=
OUT ?= .

.PHONY: help up down test check generate golden lint types imports bench docs clean setup

help: ## this list
	@awk -F':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.ready: pyproject.toml tools/setup_python.sh
	@PYTHON=$(PYTHON) tools/setup_python.sh $(VENV)

.tools/.ready: tools/fetch_tools.sh
	@tools/fetch_tools.sh .tools

setup: $(VENV)/.ready .tools/.ready ## fetch what the project needs, into .venv/ and .tools/

up: setup ## run the main job: exporter, Prometheus, Alertmanager, a training run that breaks, the mail about it
	@$(BIN)/python -m demo up

down: ## stop what `make up` left running
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m demo down; fi

test: check ## all checks, then all tests
	@$(BIN)/python -m pytest

check: lint types imports ## generated files current, rules and routes valid and tested, every mutated rule caught
	@$(STOKER) check --all --root .

generate: $(VENV)/.ready ## write everything that is generated (CONFIG=stoker.yaml, OUT=folder)
	@$(STOKER) generate $(if $(CONFIG),--config $(CONFIG)) --out $(OUT)

golden: generate ## rewrite the committed files that tests compare with, to be looked at in the diff
	@PYTHONPATH=tests $(BIN)/python tests/recordings.py
	@git --no-pager diff --stat

lint: setup ## ruff: lint and format
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: setup ## mypy, strict
	@$(BIN)/mypy

imports: setup ## the floors of the house
	@$(BIN)/lint-imports

bench: setup ## measure Stoker beside its peers; prints ratios
	@failed=0; for each in exposition scrape memory logs hostile worlds torture learn idle gpus soak; do \
	  echo "== bench/$$each.py"; $(BIN)/python -m bench.$$each || failed=1; done; exit $$failed

docs: generate ## write the reference pages and runbooks

clean: down ## remove everything that was set up or built
	@rm -rf $(VENV) .tools .demo dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
