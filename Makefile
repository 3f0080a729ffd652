# Everything a developer runs. `make` alone lists it.

PYTHON ?= python3
UV ?= $(shell command -v uv 2>/dev/null)
ARGS ?=
# Tests wait for processes and pages as much as they compute: more of them than cores pay.
WORKERS ?= $(shell echo $$(( $$(nproc 2>/dev/null || echo 2) + 1 )))

VENV := .venv
BIN := $(VENV)/bin
# By content, not by date: a fresh checkout or a second `make lock` rebuilds nothing.
LOCKED := $(VENV)/.locked-$(shell cksum < requirements.lock | tr ' ' -)
INSTALLED := $(VENV)/.installed-$(shell cksum < pyproject.toml | tr ' ' -)
BENCHES := $(filter-out bench/_%,$(wildcard bench/*.py))
DEBIAN_PACKAGES := chromium docker-registry faketime make postgresql python3-venv skopeo

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

# $(call step,LABEL,COMMAND): silent while it works, its whole output when it fails.
define step
	@start=$$(date +%s); printf '%-40s' '$(1)'; \
	if output=$$( { $(2); } 2>&1 ); then \
		printf '%4d s\n' $$(( $$(date +%s) - start )); \
	else \
		printf ' failed after %d s\n%s\n' $$(( $$(date +%s) - start )) "$$output"; exit 1; \
	fi
endef

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(INSTALLED) ## Build .venv from requirements.lock (PYTHON=... picks the interpreter of a new one)
	@:

.PHONY: demo
demo: setup ## Run a fleet of two nodes on this machine, with a page to watch it
	@$(BIN)/mythos demo $(ARGS)

# Files in their own order: by default those of few tests come last, of which some take a minute.
.PHONY: test
test: setup ## Run every test (ARGS="-k word" picks some)
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

.PHONY: check
check: setup ## Check style, format, types and layers
	@$(MAKE) -k -j2 --output-sync=target check-types check-style check-format check-layers

.PHONY: check-style check-format check-types check-layers
check-style:
	$(call step,Style (ruff check),$(BIN)/ruff check --output-format concise)
check-format:
	$(call step,Format (ruff format),$(BIN)/ruff format --check --output-format concise)
check-types:
	$(call step,Types (mypy),$(BIN)/mypy)
check-layers:
	$(call step,Layers (lint-imports),$(BIN)/lint-imports --no-logo)

.PHONY: bench
bench: setup ## Run every benchmark, one line of JSON each
	@[ -n "$(BENCHES)" ] || echo "bench/ holds no benchmark"
	@failed=; for bench in $(BENCHES); do $(BIN)/python $$bench --json || failed="$$failed $$bench"; done; \
	[ -z "$$failed" ] || { echo "failed:$$failed" >&2; exit 1; }

.PHONY: test-deps
test-deps: ## Install the Debian packages that some tests need and otherwise skip
	@command -v dpkg-query >/dev/null || { echo "not Debian: tests that need $(DEBIAN_PACKAGES) may skip"; exit 0; }; \
	missing=; for package in $(DEBIAN_PACKAGES); do \
		dpkg-query -W -f='$${Status}' $$package 2>/dev/null | grep -q ' installed$$' || missing="$$missing $$package"; \
	done; \
	[ -n "$$missing" ] || exit 0; \
	if [ "$$(id -u)" = 0 ]; then as_root=; \
	elif sudo -n true 2>/dev/null || { [ -t 0 ] && command -v sudo >/dev/null; }; then as_root=sudo; \
	else echo "as root: apt-get install$$missing"; exit 0; fi; \
	$(MAKE) install-debian AS_ROOT="$$as_root" MISSING="$$missing"

.PHONY: install-debian
install-debian:
	$(call step,Listing Debian packages,$(AS_ROOT) apt-get update -qq)
	$(call step,Installing Debian packages,$(AS_ROOT) env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $(MISSING))

.PHONY: lock
lock: ## Write requirements.lock anew, nothing younger than a week (ARGS=--upgrade moves the pins)
	@[ -n "$(UV)" ] || { echo "make lock needs uv on PATH: pip install uv" >&2; exit 1; }
	$(call step,Locking,$(UV) pip compile --quiet --no-config --universal --python-version 3.11 \
		--extra dev --generate-hashes --no-annotate --no-emit-index-url --no-emit-find-links \
		--exclude-newer "$$($(PYTHON) -c 'import datetime as d; print(d.date.today() - d.timedelta(7))')" \
		--custom-compile-command 'make lock' $(ARGS) pyproject.toml --output-file requirements.lock)

.PHONY: clean
clean: ## Remove .venv and every cache
	@rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find src tests bench examples -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

# Runs on any Python, so that an old one is told so.
define CHECK_PYTHON
import sys
if sys.version_info < (3, 11):
    sys.exit("MythOS needs Python 3.11 or newer, and this is %d.%d: set PYTHON=/path/to/python3.11" % sys.version_info[:2])
try:
    import ensurepip, venv
except ImportError:
    sys.exit("this Python cannot make a virtual environment: apt install python3-venv, or set PYTHON=/path/to/python3.11")
endef
export CHECK_PYTHON

# The stamps come last, so an interrupted set-up is done again.
$(LOCKED):
	@command -v $(PYTHON) >/dev/null || { echo "no $(PYTHON) here: apt install python3-venv, or set PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c "$$CHECK_PYTHON"
	$(call step,Making $(VENV),rm -rf $(VENV) && $(PYTHON) -m venv $(VENV))
ifneq ($(UV),)
	$(call step,Installing requirements.lock with uv,$(UV) pip install --python $(BIN)/python --require-hashes -r requirements.lock)
else
	$(call step,Installing requirements.lock,$(BIN)/pip install --require-hashes -r requirements.lock)
endif
	@touch $@

$(INSTALLED): $(LOCKED)
ifneq ($(UV),)
	$(call step,Installing MythOS,$(UV) pip install --python $(BIN)/python --no-deps --no-build-isolation -e .)
else
	$(call step,Installing MythOS,$(BIN)/pip install --no-deps --no-build-isolation -e .)
endif
	@touch $@
