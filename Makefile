# Needs Python 3.11 or newer, make and git. Everything is installed into .venv/.
PYTHON ?= python3
BIN = .venv/bin

.PHONY: run test test-processes test-chaos bench lint format catalog lock clean

run: .venv/ready
	@exec $(BIN)/infoline run $(RUN)

test: .venv/ready
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(TEST)

# Takes minutes: starts the web process, workers, the clock, and the queue, as a hospital does.
test-processes: .venv/ready
	$(BIN)/python -m pytest -m processes -n auto --maxprocesses 2 --dist loadfile --no-loadscope-reorder $(TEST)

# Takes minutes: kills processes and cuts connections; prints how many texts went out, were lost and were sent twice.
test-chaos: .venv/ready
	$(BIN)/python -m pytest -m chaos $(TEST)

bench: .venv/ready
	$(BIN)/python -m bench $(PART)

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/infoline prompts check prompts

format: .venv/ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Brings the sentences of the console's pages into the catalog of each language; those to translate are then empty.
catalog: .venv/ready
	$(BIN)/pybabel --quiet extract --mapping-file pyproject.toml --keywords lazy_gettext --no-wrap --sort-by-file \
		--add-location file --omit-header --output-file .venv/messages.pot .
	$(BIN)/pybabel --quiet update --input-file .venv/messages.pot --output-dir ivr/web/console/translations \
		--no-wrap --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date

# Pins the dependencies of pyproject.toml, with hashes.
lock: .venv/ready
	$(BIN)/pip install --quiet uv==0.13.9
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
		pyproject.toml --output-file requirements.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --group dev \
		--constraint requirements.txt pyproject.toml --output-file requirements-dev.txt

.venv/ready: requirements-dev.txt pyproject.toml setup.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed: set it, as in  make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

clean:
	rm -rf .venv build dist *.egg-info
