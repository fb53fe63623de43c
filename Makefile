# Everything there is to do with this project.  `make` alone lists it.

PYTHON ?= python3
VENV ?= .venv

# Run what follows inside the environment, where `python` and `cfs` are ours.
in_venv = . $(VENV)/bin/activate &&
# What root would write into a cache, a user could not replace.
pytest = $(VENV)/bin/python -m pytest $(if $(root),-p no:cacheprovider)
TESTS ?=# all; or the paths of some
# One more than there are processors, since many tests wait.
PROCESSES ?= $(shell expr $$(nproc) + 1)
in_processes = --processes=$(PROCESSES)
nbval = --nbval --nbval-sanitize-with tests/sanitize.cfg notebooks
# The engine that is here, and what it calls the image; `make ENGINE=podman build`.
engines := $(foreach name,docker podman,$(if $(shell command -v $(name)),$(name)))
ENGINE ?= $(firstword $(engines) docker)
IMAGE ?= cfs
TARGET ?= workshop# or test, which has nbval besides
browsers := chromium chromium-browser google-chrome google-chrome-stable
browser := $(firstword $(foreach name,$(browsers),$(shell command -v $(name))))
# If there are wheels, they are all that is needed.
offline := $(if $(wildcard wheels),--no-index --find-links wheels)
root := $(filter 0,$(shell id -u))# empty for an ordinary user

# In the words of the shell that make was started from.
define say_where_cfs_is
case $$SHELL in \
    */fish) activate=activate.fish ;; \
    *) activate=activate ;; \
esac; \
echo "Ready: \`$(VENV)/bin/cfs doctor\` says what this machine allows."; \
echo "To type just \`cfs\` in this terminal: source $(abspath $(VENV))/bin/$$activate"
endef

.NOTPARALLEL: # the tests share one machine, and their reports one terminal
.PHONY: help lab setup test lint types check unit notebooks as-user browser no-browser
.PHONY: screenshots pictures lengths bench format refresh lock clean build run shell
.PHONY: test-image wheels book slides

help: ## List what make can do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' Makefile

wheels: setup ## Fetch all packages into wheels/, for `make setup` without a network
	$(VENV)/bin/python .make/wheels.py requirements.lock wheels

# A copy without answers, in work/; JupyterLab shows cfslib beside it.
lab: setup ## Open a copy of the notebooks in JupyterLab
	$(in_venv) cfs workshop work

setup: $(VENV)/cfslib.stamp ## Make the environment in .venv, with the cfs command
	@$(if $(filter setup,$(MAKECMDGOALS)),$(say_where_cfs_is))

test: lint types check $(if $(browser)$(CI),browser,no-browser) ## Check all, as CI does
	@$(if $(root),,echo "Not tested: what takes root, as limits in cgroups do.  To add that: sudo make unit")

lint: setup ## Check style and formatting
	$(in_venv) ruff check
	$(in_venv) ruff format --check

types: setup ## Check types
	$(in_venv) mypy

check: unit notebooks $(if $(root),as-user) ## Run all tests and notebooks

unit: setup ## Run the tests and the examples in docstrings
	$(in_venv) $(pytest) $(in_processes) $(TESTS)

notebooks: setup ## Run the notebooks and compare what they print
	$(in_venv) $(pytest) $(in_processes) $(nbval)

as-user: setup ## As root: run tests and notebooks as an ordinary user
	$(in_venv) python tests/as_user.py $(pytest) --again $(in_processes)
	$(in_venv) python tests/as_user.py $(pytest) $(in_processes) $(nbval)

browser: $(VENV)/browser.stamp ## Look at it all in JupyterLab, with Chromium
	$(in_venv) $(pytest) --processes=2 tests/browser

no-browser:
	@echo "Not looked at in JupyterLab: there is no browser.  On Debian: apt install chromium"

screenshots: $(VENV)/browser.stamp ## Take a picture of each notebook and each view
	$(in_venv) $(pytest) tests/browser/pictures.py

pictures: setup ## Draw the pictures of the notebooks and of README.md
	$(in_venv) python -m tests.drawings

format: setup ## Put the code into shape
	$(in_venv) ruff check --fix
	$(in_venv) ruff format

refresh: setup ## Run the notebooks and save what they print
	$(in_venv) python tests/refresh_notebooks.py

book: setup ## Write all chapters as pages to read, into book/
	$(VENV)/bin/python .make/book.py book

slides: setup ## Write all chapters as slides, into book/slides.html
	$(VENV)/bin/python .make/slides.py book/slides.html

lengths: setup ## Say how long the functions of cfslib are
	@$(in_venv) $(pytest) -q -s tests/test_lengths.py

bench: $(VENV)/bench.stamp ## Time a container's start beside every other way to start one
	$(VENV)/bin/python -m tests.bench $(ROUNDS)

# Versions already in the lock stay; to move to the newest, delete it first.
lock: ## Pin what pyproject.toml asks for in requirements.lock
	$(PYTHON) -m venv --clear .venv-lock
	.venv-lock/bin/python -m pip install --quiet uv==0.13.9
	UV_CUSTOM_COMPILE_COMMAND="make lock" .venv-lock/bin/uv pip compile --quiet \
	    --universal --python-version 3.11 --extra notebooks --group dev \
	    --generate-hashes --no-emit-index-url --output-file requirements.lock pyproject.toml
	UV_CUSTOM_COMPILE_COMMAND="make lock" .venv-lock/bin/uv pip compile --quiet \
	    --universal --python-version 3.11 --constraint requirements.lock --group bench \
	    --generate-hashes --no-emit-index-url --no-annotate \
	    --output-file tests/bench/requirements.lock
	UV_CUSTOM_COMPILE_COMMAND="make lock" .venv-lock/bin/uv pip compile --quiet \
	    --universal --python-version 3.11 --constraint requirements.lock --group browser \
	    --generate-hashes --no-emit-index-url --no-annotate \
	    --output-file tests/browser/requirements.lock

# Docker's format in Podman too, since the other one knows of no health check.
build: ## Build the image of the workshop, with Docker or Podman
	DOCKER_BUILDKIT=1 BUILDAH_FORMAT=docker \
	    $(ENGINE) build --target $(TARGET) --tag $(IMAGE) .

run: ## Open JupyterLab from the image
	@.docker/run "$(ENGINE)" "$(IMAGE)" lab

shell: ## Open a shell in the image, to type `cfs run hostname` in
	@.docker/run "$(ENGINE)" "$(IMAGE)" shell

test-image: setup ## Build the image, and prove what it promises
	$(in_venv) ENGINE="$(ENGINE)" $(pytest) tests/image

clean: ## Remove what make has made
	rm -rf $(VENV) .venv .venv-* .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -r {} +

# A stamp is written last, so an installation that was cut short does not count.

$(VENV)/cfslib.stamp: $(VENV)/locked.stamp pyproject.toml
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check \
	    --no-deps --no-build-isolation --editable .
	@$(VENV)/bin/python -m compileall -q cfslib
	@$(VENV)/bin/python -m cfslib.cli.launcher $(VENV)/bin/cfs
	@touch $@

# What only draws the benchmark's plot, or drives a browser, is not for all who learn.
$(VENV)/%.stamp: tests/%/requirements.lock $(VENV)/cfslib.stamp
	$(VENV)/bin/python .make/install.py $<
	@touch $@

$(VENV)/locked.stamp: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "cfs needs Python 3.11 or newer.  To name one: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || \
	    { echo "$(PYTHON) cannot make environments.  On Debian: apt install python3-venv"; exit 1; }
	@echo "Installing what requirements.lock names, $(if $(offline),from wheels/,77 MB)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(VENV)/bin/python .make/install.py requirements.lock $(offline) || \
	    { $(if $(offline),echo "wheels/ has not all of it.  If there is a network: rm -r wheels";) exit 1; }
	@touch $@
