# `make run` opens the dashboard, `make test` runs every test. Both set up what they need.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.ONESHELL:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Outside the tree: a clean clone builds from a warm cache.
export CARGO_TARGET_DIR ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/pravah/target
# Packages are installed without bytecode. Each process would compile them anew if none might keep it.
export PYTHONDONTWRITEBYTECODE :=
# Hypothesis computes there, once, which characters a codec has: 3 s for each test process.
export HYPOTHESIS_STORAGE_DIRECTORY ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/pravah/hypothesis
# The build tool (maturin) is needed to build, not to run.
TOOLS := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/pravah/tools
WITH_TOOLS := PATH="$(TOOLS)/bin:$$PATH" PYTHONPATH="$(TOOLS)"
PIP := $(BIN)/pip --quiet --disable-pip-version-check
STEP = printf '[%s] %s\n' "$$(date +%T)"
DIST ?= dist
CORPORA ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/pravah/corpora
# Before make compares times itself.
SOURCE_TIMES := $(shell $(PYTHON) .ci/source_times.py $(CARGO_TARGET_DIR))
RUST_SOURCES := $(shell find pravah_core -name '*.rs' -o -name 'Cargo.toml') Cargo.toml Cargo.lock
# Twice the cores of a small machine: a test waits half of its time, for a browser or for another process.
WORKERS ?= 4
# program:package of Debian. Tests start no other program (tests/programs.py).
TEST_PROGRAMS := chromium-headless-shell:chromium-headless-shell b3sum:b3sum xz:xz-utils bzip2:bzip2 zstd:zstd lz4:lz4 unzip:unzip bsdtar:libarchive-tools jdupes:jdupes nginx:nginx-light caddy:caddy systemd-analyze:systemd unshare:util-linux

.PHONY: wheel lock rust-build rust-examples soak help run test install lint types fmt rust-test python-test bench docs screenshots clean system-test

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

run: $(VENV)/.built ## Open the dashboard and the API on one address, on an embedded PostgreSQL
	@exec $(BIN)/pravah serve

test: rust-test python-test ## Run every test, with a real PostgreSQL, S3 server and browser

# The contract tests ask the engine without Python.
rust-examples:
	@cargo build --release --quiet --package pravah-engine --examples

rust-build: $(VENV)/.built
	@if command -v cargo-nextest >/dev/null; then cargo nextest run --release --workspace --exclude pravah-core-py --no-run
	else cargo test --release --workspace --exclude pravah-core-py --no-run; fi

rust-test: $(VENV)/.built system-test
	@export PRAVAH_FUZZ_SECONDS=$${PRAVAH_FUZZ_SECONDS:-2}
	if command -v cargo-nextest >/dev/null; then cargo nextest run --release --workspace --exclude pravah-core-py --no-fail-fast
	else cargo test --release --workspace --exclude pravah-core-py; fi

python-test: $(VENV)/.dev rust-examples system-test
	@$(BIN)/pytest -n $(WORKERS)

install: $(VENV)/.built ## Set up the environment and build the engine

$(BIN)/python:
	@$(STEP) "Making the environment $(VENV)"
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=" >&2; exit 1; }
	if ! $(PYTHON) -m venv $(VENV) >/dev/null 2>&1; then
	  echo "Python's venv module is missing; installing Debian's python3-venv ..."
	  $(call apt,python3-venv)
	  $(PYTHON) -m venv $(VENV)
	fi

# The locks are whole, and leave out what Streamlit names and no page uses: so nothing is resolved.
$(VENV)/.installed: requirements.lock | $(BIN)/python
	@$(STEP) "Installing Python packages"
	$(PIP) install --no-compile --no-deps --require-hashes -r requirements.lock
	$(PIP) uninstall --yes setuptools 2>/dev/null || true
	touch $@
	$(STEP) "Python packages are installed"

$(TOOLS)/.installed: requirements-build.lock | $(BIN)/python
	@$(STEP) "Installing the build tool"
	$(PIP) install --no-compile --no-deps --require-hashes --upgrade --target $(TOOLS) -r requirements-build.lock
	touch $@

# On a terminal cargo shows its own progress; else a line every ten seconds does.
$(VENV)/.compiled: $(TOOLS)/.installed $(RUST_SOURCES)
	@command -v cargo >/dev/null || { echo "Rust is missing: install cargo and rustc (rustup or Debian's packages), then run make again" >&2; exit 1; }
	$(STEP) "Building the engine (a few minutes the first time)"
	build() { $(WITH_TOOLS) VIRTUAL_ENV=$(abspath $(VENV)) maturin develop --release --skip-install; }
	if [ -t 2 ]; then build
	else
	  log=$(VENV)/build.log
	  build >$$log 2>&1 & pid=$$!
	  crates=$$(cargo tree --package pravah-core-py --edges normal,build --prefix none 2>/dev/null | sed 's/ (\*)$$//' | sort -u | wc -l)
	  while kill -0 $$pid 2>/dev/null; do
	    for tick in 1 2 3 4 5 6 7 8 9 10; do kill -0 $$pid 2>/dev/null && sleep 1; done
	    $(STEP) "Building the engine: $$(grep -c ' Compiling ' $$log || true) of about $$crates crates"
	  done
	  wait $$pid || { cat $$log >&2; exit 1; }
	fi
	touch $@
	$(STEP) "The engine is built"

# Packages come over the network while the compiler has the processors.
$(VENV)/.built: requirements.lock requirements-build.lock pyproject.toml $(RUST_SOURCES) | $(BIN)/python
	@$(MAKE) --no-print-directory --jobs 2 $(VENV)/.installed $(VENV)/.compiled
	if [ ! -e $@ ] || [ pyproject.toml -nt $@ ]; then
	  $(STEP) "Registering the command pravah"
	  $(WITH_TOOLS) $(PIP) install --no-deps --no-build-isolation --editable . >$(VENV)/register.log 2>&1 || { cat $(VENV)/register.log >&2; exit 1; }
	fi
	touch $@

# What tests and linters need besides, into the same environment: `make run` and `make test` may take turns.
$(VENV)/.dev: requirements-dev.lock $(VENV)/.built
	@$(STEP) "Installing test tools"
	$(PIP) install --no-compile --no-deps --require-hashes -r requirements-dev.lock
	touch $@

wheel: $(TOOLS)/.installed $(RUST_SOURCES) ## Build dist/pravah-….whl, to install with uv, pipx or pip
	@$(WITH_TOOLS) maturin build --release --out $(DIST) --interpreter $(BIN)/python

lock: | $(BIN)/python ## Write the lock files anew from pyproject.toml
	@$(PIP) install --target $(TOOLS)/uv --upgrade uv
	compile() { $(TOOLS)/uv/bin/uv pip compile --generate-hashes --no-header --no-annotate --universal --python-version 3.11 --quiet --override requirements-omitted.txt "$$@"; }
	compile pyproject.toml -o requirements.lock
	compile pyproject.toml --extra ray --extra dev -c requirements.lock -o requirements-dev.lock
	sed -n 's/^requires = \["\(maturin.*\)"\]/\1/p' pyproject.toml | compile - -o requirements-build.lock

# $(call apt,packages): install Debian packages, as root or through sudo.
apt = $$( [ "$$(id -u)" = 0 ] || echo sudo ) env DEBIAN_FRONTEND=noninteractive sh -c "apt-get update -qq && apt-get install -y -qq --no-install-recommends $(1) >/dev/null"

system-test:
	@missing=""
	for pair in $(TEST_PROGRAMS); do
	  PATH=$$PATH:/usr/sbin command -v "$${pair%%:*}" >/dev/null || missing="$$missing $${pair##*:}"
	done
	[[ $$missing != *chromium* ]] || missing="$$missing fonts-dejavu-core"
	if [ -n "$$missing" ]; then echo "Installing$$missing for the tests ..."; $(call apt,$$missing); fi

soak: $(VENV)/.dev system-test ## Fuzz, break and load far more than the tests do: about two hours on 2 cores
	@export PRAVAH_TEST_SEED=$${PRAVAH_TEST_SEED:-$$(date +%s)} PRAVAH_FUZZ_SECONDS=$${PRAVAH_FUZZ_SECONDS:-300}
	export PRAVAH_FAULT_POINTS=$${PRAVAH_FAULT_POINTS:-20000} PRAVAH_FAULT_FACTOR=$${PRAVAH_FAULT_FACTOR:-40}
	echo "About two hours on 2 cores. To repeat this run: make soak PRAVAH_TEST_SEED=$$PRAVAH_TEST_SEED"
	SECONDS=0; told() { echo "soak: $$1 took $$SECONDS s"; SECONDS=0; }
	cargo test --release --package pravah-engine --test engine fuzz -- --nocapture; told "fuzzing and hostile claims, $$PRAVAH_FUZZ_SECONDS s a parser"
	cargo test --release --package pravah-engine --test engine faults:: -- --nocapture; told "faults of the engine, also where names collide"
	PRAVAH_PROPERTY_FACTOR=$${PRAVAH_PROPERTY_FACTOR:-40} cargo test --release --package pravah-engine --test engine -- duplicates checksum inventory decompress arrow_types; told "verdicts, Arrow shapes and other properties of the engine"
	$(BIN)/pytest -n $(WORKERS) tests/faults; told "faults of the services, load"
	HYPOTHESIS_PROFILE=slow $(BIN)/pytest -n $(WORKERS) --timeout 3600 tests/unit tests/integration/api tests/integration/test_archive_tools.py; told "properties, 1,000 examples each"

lint: $(VENV)/.dev types ## Check form, types and imports
	@$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports
	cargo fmt --all --check
	cargo clippy --release --workspace --all-targets --quiet -- -D warnings

types: $(VENV)/.dev ## Check types
	@$(BIN)/mypy

fmt: $(VENV)/.dev ## Format all code
	@$(BIN)/ruff check --fix --quiet . || true
	$(BIN)/ruff format .
	cargo fmt --all

bench: $(VENV)/.dev system-test ## Time the engine against other tools; CORPORA=directory made by make-corpora
	@command -v gdu >/dev/null || { echo "gdu is missing: apt-get install gdu" >&2; exit 1; }
	$(BIN)/python -m tests.benchmarks --corpora $(CORPORA) --write

docs: $(VENV)/.dev ## Write the generated pages of docs/
	@$(BIN)/python -m docs.generate

screenshots: $(VENV)/.dev system-test ## Take docs/screenshots anew
	@PRAVAH_UPDATE_SCREENSHOTS=1 $(BIN)/pytest -q tests/e2e -k picture

clean: ## Remove what was set up here; the data directory stays
	rm -rf $(VENV) pravah_core/_native*.so dist
