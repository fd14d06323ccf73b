# make run · make test · make test-servers · make lint

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SHARED := -n 3 --dist worksteal

# Of the many processes that the tests start, each would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test pytest test-servers coverage lint faults clean

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

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .coverage.*

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: setup.cfg | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/test.stamp: setup.cfg | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[test]'
	@touch $@ $(VENV)/run.stamp
