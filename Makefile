PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check
# The console's tests in a browser come last, alone: a browser takes both processors, and other tests measure time. On
# servers they would find nothing that others do not.
BROWSER := tests/console/test_browser.py
SHARED := -n 3 --dist worksteal --ignore=$(BROWSER)

# Of the many processes that the tests start, each would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run test pytest test-long test-servers coverage lint format openapi faults bench bench-profile docs pictures translated audit advisories bom words lock clean

# Prints the targets of this file that have a text behind "##".
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/run.stamp ## start the gateway on 127.0.0.1:6666
	@$(BIN)/fmz-gateway

test: $(VENV)/test.stamp ## lint, types and the short tests; PYTHON=python3.13 VENV=.venv-3.13 for another Python
	@$(MAKE) --no-print-directory -j2 lint pytest

pytest: $(VENV)/test.stamp
	$(BIN)/pytest $(SHARED) -m "not long"

test-long: $(VENV)/test.stamp ## the tests of whole services, of crashes, and of thousands of bodies; minutes
	$(BIN)/pytest $(SHARED) -m long
	$(BIN)/pytest $(BROWSER)

# Needs TEST_STATE_URL and TEST_REDIS_URL.
test-servers: $(VENV)/test.stamp ## all tests on a real PostgreSQL and Redis: .ci/servers make test-servers
	@: $${TEST_STATE_URL:?} $${TEST_REDIS_URL:?}
	$(BIN)/pytest $(SHARED)

# Also on servers: .ci/servers make coverage
coverage: $(VENV)/test.stamp ## all tests, and which lines and branches of the product they never reached
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(SHARED)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

lint: $(VENV)/test.stamp ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/test.stamp ## write the code in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

openapi: $(VENV)/openapi.stamp ## ask the running service as its OpenAPI document says and as it does not; a minute
	$(BIN)/python -m tests.openapi

faults: $(VENV)/test.stamp ## the proofs of docs/RELIABILITY.md at full size, which renew its tables; an hour and a half
	$(BIN)/python -m tests.reliability

# ARTICLE: a file with the article's Go program, to be measured beside the service; needs go.
bench: $(VENV)/test.stamp ## the speed before a fake exchange, which renews bench/RESULTS.md; ten minutes on a quiet machine
	$(BIN)/python -m bench $(if $(ARTICLE),--article $(ARTICLE))

bench-profile: $(VENV)/profile.stamp ## where the processor time of a call goes, by layer; two minutes, as root
	$(BIN)/python -m bench.profile

# A warning is an error: a link that leads nowhere, a page that no other one names. Nothing is fetched.
docs: $(VENV)/docs.stamp ## the documents as a site, in build/docs; begin with build/docs/index.html
	$(BIN)/sphinx-build -W --keep-going --quiet -c docs . build/docs

pictures: $(VENV)/test.stamp ## take the documents' pictures of the console anew; needs chromium
	$(BIN)/python -m tests.console.pictures

translated: $(VENV)/test.stamp ## say that the translated pages are true to the English ones as they are now
	$(BIN)/python -m docs.translations

audit: $(VENV)/audit.stamp ## look for dangerous code in the product; what is found and stays has "nosec" and a reason
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml .

# Asks the package index for them, so that it is no part of the tests.
ADVISORIES := $(BIN)/pip-audit --require-hashes --disable-pip

advisories: $(VENV)/audit.stamp ## look for known holes in what is locked; needs the network
	$(ADVISORIES) -r requirements/servers.txt
	$(ADVISORIES) -r requirements/test.txt

BOM := $(BIN)/cyclonedx-py requirements --output-reproducible --of JSON

bom: $(VENV)/audit.stamp ## the bills of materials of what is locked, in build/bom: CycloneDX, in JSON
	mkdir -p build/bom
	$(BOM) -o build/bom/run.json requirements/run.txt
	$(BOM) -o build/bom/servers.json requirements/servers.txt

# A text that is new has no translation yet, and a test says so: write it into the catalogue, and run this again.
BABEL := $(BIN)/pybabel --quiet
WORDS := console/translations

words: $(VENV)/test.stamp ## take the console's texts into its catalogues, and compile these
	$(BABEL) extract -F console/babel.cfg -k marked --no-location -o $(VENV)/words.pot console
	$(BABEL) update -i $(VENV)/words.pot -d $(WORDS) --omit-header --no-fuzzy-matching --ignore-obsolete -w 110
	$(BABEL) compile -f -d $(WORDS)

# What setup.cfg pins, and the latest of everything that this needs, certifi's certificates among it: each version with
# the hashes of all its files, for every system and every Python from 3.11. setuptools is there because it builds the
# gateway, and pip would fetch it without a hash. What runs is taken from what was tested.
UV := $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
    --custom-compile-command 'make lock'
BUILD := import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")
LOCK := $(BIN)/python -c '$(BUILD)' | $(UV) - setup.cfg

lock: $(VENV)/lock.stamp ## write requirements/ anew: what setup.cfg pins, the latest of what that needs, all hashes
	$(LOCK) --extra test -o requirements/test.txt
	$(LOCK) -c requirements/test.txt -o requirements/run.txt
	$(LOCK) -c requirements/test.txt --extra docs -o requirements/docs.txt
	$(LOCK) -c requirements/test.txt --extra postgresql --extra redis -o requirements/servers.txt
	$(UV) -c requirements/test.txt requirements/audit.in -o requirements/audit.txt
	$(UV) requirements/lock.in -o requirements/lock.txt
	$(UV) requirements/profile.in -o requirements/profile.txt
	$(UV) requirements/openapi.in -o requirements/openapi.txt

clean: ## remove everything that make has made
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .coverage.*

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# Nothing is installed without a hash; --no-index, for the gateway itself needs nothing more.
HASHED := $(INSTALL) --require-hashes -r
ITSELF := $(INSTALL) --no-index --no-deps --no-build-isolation -e .

$(VENV)/run.stamp: requirements/run.txt setup.cfg pyproject.toml | $(BIN)/python
	$(HASHED) $<
	$(ITSELF)
	@touch $@

$(VENV)/test.stamp: requirements/test.txt setup.cfg pyproject.toml | $(BIN)/python
	$(HASHED) $<
	$(ITSELF)
	@touch $@ $(VENV)/run.stamp

$(VENV)/docs.stamp: requirements/docs.txt setup.cfg | $(BIN)/python
	$(HASHED) $<
	@touch $@

$(VENV)/audit.stamp: requirements/audit.txt | $(BIN)/python
	$(HASHED) $<
	@touch $@

$(VENV)/lock.stamp: requirements/lock.txt | $(BIN)/python
	$(HASHED) $<
	@touch $@

$(VENV)/profile.stamp: requirements/profile.txt $(VENV)/test.stamp
	$(HASHED) $<
	@touch $@

# In an environment of its own, because schemathesis is a plugin of pytest too, which all tests would load.
$(VENV)/openapi.stamp: requirements/openapi.txt $(VENV)/test.stamp
	$(BIN)/python -m venv --clear $(VENV)/openapi
	$(VENV)/openapi/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@
