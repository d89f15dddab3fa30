# LaserLink: `make demo` shows it, `make test` proves it. Everything lives in .venv; nothing else is touched.
#
# The install is a normal one, not an editable one: mypy and import-linter do not see through the latter.
# It is repeated whenever a source has changed, without the network.

PYTHON ?= python3
PYTEST_ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
FOLDERS := cext protocol firmware_model host_driver tools
SOURCES := setup.py pyproject.toml $(shell find $(FOLDERS) -type f \
	\( -name '*.py' -o -name '*.pyi' -o -name '*.pyx' -o -name '*.h' -o -name '*.toml' -o -name py.typed \) | LC_ALL=C sort)

.DELETE_ON_ERROR:
.PHONY: help demo test nightly lint install install-dev check clean board size bench docs mutants FORCE

help:
	@echo 'make demo     a virtual camera module: attach, stream, save a picture (first run: a minute or two)'
	@echo 'make test     all tests; PYTEST_ARGS="..." goes to pytest'
	@echo 'make nightly  all tests, with every point of the exhaustive ones; takes an hour or more'
	@echo 'make lint     ruff, mypy --strict and the layer rules alone'
	@echo 'make board    the firmware of cext/firmware on an emulated board; prints its port'
	@echo 'make size     what that firmware costs in flash and RAM'
	@echo 'make bench    this machine's figures, beside their limits and what else one would use'
	@echo 'make docs     the documentation as a site, in build/docs'
	@echo 'make mutants  how much of the protocol and the machines could be wrong unseen; takes hours'
	@echo 'make install  the command line, as $(BIN)/laserlink'
	@echo 'make clean    remove $(VENV) and everything built'
	@echo 'PYTHON=...    which Python to build $(VENV) with (3.11 or later; now $(PYTHON))'

demo: install
	$(BIN)/laserlink demo

test: install-dev
	$(BIN)/pytest -n 2 $(PYTEST_ARGS)

# What takes an hour: every point of the exhaustive tests, a gigabyte of hostile bytes, the large model.
nightly: install-dev
	LASERLINK_NIGHTLY=1 LASERLINK_FLOOD_BYTES=1073741824 $(BIN)/pytest -n 2 $(PYTEST_ARGS)

lint: install-dev
	$(BIN)/pytest $(PYTEST_ARGS) tests/test_lint.py tests/test_tidy.py

board:
	@$(MAKE) --no-print-directory -C cext/firmware board

size:
	@$(MAKE) --no-print-directory -C cext/firmware size

bench: install $(VENV)/.peers
	$(BIN)/laserlink bench

docs: install-dev
	$(BIN)/python -m sphinx -W -q -j 2 -d build/doctrees docs build/docs
	@echo 'build/docs/index.html'

mutants: install-dev
	$(BIN)/python -m laserlink.tools.row_mutator --jobs 2
	$(BIN)/python -m laserlink.tools.mutmut_score --jobs 2 --sample 1000

install: $(VENV)/.installed

install-dev: $(VENV)/.installed $(VENV)/.dev-tools

clean:
	rm -rf $(VENV) build dist laserlink.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis \
		.import_linter_cache cext/_kernels.c cext/_kernels.html cext/*.so
	find $(FOLDERS) tests -name __pycache__ -type d -prune -exec rm -rf {} +

# Says in one line what Debian or Ubuntu must install, and stops.
check:
	@missing=''; \
	if ! command -v "$(PYTHON)" >/dev/null; then \
		missing='python3 python3-venv python3-dev'; \
	elif ! "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then \
		echo "LaserLink needs Python 3.11 or later; $(PYTHON) is $$("$(PYTHON)" -V)."; \
		echo "    sudo apt install python3.11 python3.11-venv python3.11-dev && make PYTHON=python3.11"; \
		exit 1; \
	else \
		package=$$("$(PYTHON)" -c 'import sys; print("python%d.%d" % sys.version_info[:2])'); \
		[ "$(PYTHON)" = python3 ] && package=python3; \
		"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || missing="$$missing $$package-venv"; \
		include=$$("$(PYTHON)" -c 'import sysconfig; print(sysconfig.get_path("include"))'); \
		[ -f "$$include/Python.h" ] || missing="$$missing $$package-dev"; \
	fi; \
	command -v gcc >/dev/null || missing="$$missing gcc libc6-dev"; \
	if [ -n "$$missing" ]; then \
		echo "Something is missing. Install it, then run make again:"; \
		echo "    sudo apt install" $$missing; \
		exit 1; \
	fi

$(BIN)/python:
	@$(MAKE) --no-print-directory check
	"$(PYTHON)" -m venv $(VENV)

# pip reads lists of requirements from files only. What the build needs stays in the environment, so that
# a later build needs no network.
LIST = $(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))$(1), sep="\n")' > $@

$(VENV)/.build-tools: pyproject.toml | $(BIN)/python
	@$(call LIST,["build-system"]["requires"])
	$(PIP) install -r $@

$(VENV)/.dev-tools: pyproject.toml | $(BIN)/python
	@$(call LIST,["project"]["optional-dependencies"]["dev"])
	$(PIP) install -r $@

$(VENV)/.peers: pyproject.toml | $(BIN)/python
	@$(call LIST,["project"]["optional-dependencies"]["bench"])
	$(PIP) install -r $@

# A file that is gone must lead to a new install as well: its name leaves this list.
$(VENV)/.sources: FORCE | $(BIN)/python
	@printf '%s\n' $(SOURCES) | cmp -s - $@ || printf '%s\n' $(SOURCES) > $@

# setuptools puts whatever lies in build/lib into the wheel, also modules that are gone. The compiled kernel
# may stay: it is built again when its sources are newer.
$(VENV)/.installed: $(SOURCES) $(VENV)/.sources $(VENV)/.build-tools
	@if [ -d build ]; then find build -path 'build/lib*' -type f ! -name '*.so' -delete; fi
	$(PIP) install --no-build-isolation .
	@touch $@
