# Everything a newcomer or a server needs: `make help` lists it.

# The first of these that fits makes the virtual environment; `make run PYTHON=/path/to/python` names another.
PYTHON ?= python3.13 python3.12 python3.11 python3
VENV := .venv
BIN := $(VENV)/bin
# More than there are cores, because many tests wait: for a browser, a process or a clock.
WORKERS ?= 4

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test explore check format browser proxy bench screenshot lock clean

help: ## List the commands
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-18s%s\n", $$1, $$2}'

run: $(VENV)/requirements.txt ## Serve http://localhost:8501
	@exec $(BIN)/python -m core.launch

test: check browser proxy ## Check the code, then run every test
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

explore: $(VENV)/requirements-test.txt ## Let the property tests look for new counter-examples, and both databases run all
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --hypothesis-profile=explore \
	  $$(grep -rlE "^@given|\bStore\b" tests --include="test_*.py")

check: $(VENV)/requirements-test.txt ## Lint, formatting, types, unsafe code and known holes of packages
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/bandit --quiet --configfile pyproject.toml --recursive app.py core pages
	@$(BIN)/python -m tests.advisories

format: $(VENV)/requirements-test.txt ## Put the code into its format and mend what the linter can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(VENV)/requirements-test.txt browser ## Measure speed, as ratios to a baseline of the same run
	@$(BIN)/python -m tests.bench

screenshot: $(VENV)/requirements-test.txt browser ## Make the README's picture from the running app
	@$(BIN)/python -m tests.browser.screenshot

# The one without windows does the same for half the work; a browser that is there already will do as well.
browser: $(VENV)/requirements-test.txt
	@if command -v chromium-headless-shell >/dev/null; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "Installing Chromium for the browser tests"; \
	  { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends \
	    chromium-headless-shell; } >/dev/null && exit 0; \
	fi; \
	for name in chromium chromium-browser google-chrome google-chrome-stable; do \
	  if command -v $$name >/dev/null; then exit 0; fi; \
	done; \
	$(BIN)/python -m playwright install chromium

# The README's configuration of it is tried out by a test.
proxy:
	@if command -v nginx >/dev/null || [ -x /usr/sbin/nginx ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "Installing nginx for the tests"; \
	  { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends \
	    nginx-light; } >/dev/null && exit 0; \
	fi; \
	echo "The tests need nginx: install it, then run make again." >&2; exit 1

lock: $(BIN)/python ## Compile pyproject.toml's dependencies into the requirements files
	@$(BIN)/python -m pip install -qq --disable-pip-version-check uv==0.13.8
	@$(COMPILE) --output-file requirements.txt
	@$(COMPILE) --extra test --constraint requirements.txt --output-file requirements-test.txt

COMPILE = $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock'

clean: ## Remove the virtual environment and caches; never data
	rm -rf $(VENV) .mypy_cache .ruff_cache .hypothesis

# The copy in the environment is of the list that is installed, so that an unchanged list costs nothing.
$(VENV)/requirements-test.txt: $(VENV)/requirements.txt

$(VENV)/%.txt: %.txt $(BIN)/python always
	@cmp -s $< $@ || { \
	  echo "Installing $< into $(VENV); this takes a minute or two, once."; \
	  $(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes --requirement $< || { \
	    echo "The packages in $< could not be installed; see pip's message above, then run make again." >&2; exit 1; }; \
	  cp $< $@; \
	}

always:

$(BIN)/python:
	@why="Command Center needs Python 3.11 or newer, and none of these is that: $(PYTHON). Install it, or name it with PYTHON=."; \
	for python in $(PYTHON); do \
	  if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    if $$python -c 'import ensurepip, venv' 2>/dev/null; then exec $$python -m venv --clear $(VENV); fi; \
	    why="$$python comes without its venv module. Install that (on Debian: apt-get install python3-venv) and run make again."; \
	  fi; \
	done; \
	echo "$$why" >&2; exit 1
