# `make demo` and `make test` need Python 3.11 or newer and pip, nothing else; they make .venv and install into it once.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo serve test lint docs models docs-check clean

demo: .venv/.installed
	$(BIN)/rung demo

serve: .venv/.installed
	$(BIN)/rung demo serve

test: .venv/.installed
	$(BIN)/python -m pytest -n 2 --dist worksteal

lint: .venv/.linters
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

docs: .venv/.installed
	$(BIN)/python docs/generate.py

models: .venv/.installed
	$(BIN)/python docs/models.py

docs-check: .venv/.installed
	$(BIN)/python docs/generate.py --check

clean:
	rm -rf .venv

.venv/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Rung needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)")'
	@echo "Installing into .venv (once)"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	@touch $@

.venv/.linters: .venv/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[lint]'
	@touch $@
