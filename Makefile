# make run · make test · make test-servers · make lint

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check
SHARED := -n 3 --dist worksteal

# Of the many processes that the tests start, each would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test pytest test-servers coverage lint faults lock clean

run: $(VENV)/run.stamp
	@$(BIN)/fmz-gateway

# Many tests wait, and the linters do not.
test: $(VENV)/test.stamp
	@$(MAKE) --no-print-directory -j2 lint pytest

pytest: $(VENV)/test.stamp
	$(BIN)/pytest $(SHARED)

# The same tests on a real PostgreSQL and a real Redis: .ci/servers make test-servers
test-servers: $(VENV)/test.stamp
	@: $${TEST_STATE_URL:?} $${TEST_REDIS_URL:?}
	$(BIN)/pytest $(SHARED)

# All tests, and which lines and branches of the product they never reached. Also on servers: .ci/servers make coverage
coverage: $(VENV)/test.stamp
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(SHARED)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

lint: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The proofs of docs/RELIABILITY.md at full size, which renew its tables. Half an hour.
faults: $(VENV)/test.stamp
	$(BIN)/python -m tests.reliability

# What setup.cfg pins, and the latest of everything that this needs, certifi's certificates among it: each version with
# the hashes of all its files, for every system and every Python from 3.11. setuptools is there because it builds the
# gateway, and pip would fetch it without a hash. What runs is taken from what was tested.
UV := $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
    --custom-compile-command 'make lock'
BUILD := import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")
LOCK := $(BIN)/python -c '$(BUILD)' | $(UV) - setup.cfg

lock: $(VENV)/lock.stamp
	$(LOCK) --extra test -o requirements/test.txt
	$(LOCK) -c requirements/test.txt -o requirements/run.txt
	$(LOCK) -c requirements/test.txt --extra postgresql --extra redis -o requirements/servers.txt
	$(UV) requirements/lock.in -o requirements/lock.txt

clean:
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

$(VENV)/lock.stamp: requirements/lock.txt | $(BIN)/python
	$(HASHED) $<
	@touch $@
