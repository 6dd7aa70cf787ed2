# The same commands as `python3 bootstrap.py …`, for those who have make.
BOOT := python3 bootstrap.py
PY := .venv/bin/python
.DEFAULT_GOAL := help
.PHONY: help setup check test test-trace golden docs bench demo

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

setup: ## Install the locked packages into .venv
	@$(BOOT) setup

check: ## Style, types, import directions, docstrings, house rules
	@$(BOOT) check

test: ## Every check and every test
	@$(BOOT) test

test-trace: ## The tests that need torch for a CPU and a small model
	@$(BOOT) test-trace

golden: ## Rewrite the golden files; look at the diff
	@$(BOOT) check && $(PY) -m pytest -q --write-golden

docs: ## Rewrite the generated reference pages
	@$(BOOT) setup && $(PY) tools/write_reference.py

bench: ## The small setting of the benchmarks of size and speed, in some minutes; write bench/results/small
	@$(BOOT) setup && $(PY) bench/small.py

demo: ## Make a labelled world, hunt it, open the report
	@$(BOOT) demo
