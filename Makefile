# Needs Python 3.11 or newer, make and git. Everything is installed into .venv/.
PYTHON ?= python3
BIN = .venv/bin

.PHONY: run test test-processes test-chaos test-browser bench lint format lock clean

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

# Takes minutes: drives the console in Debian's chromium. Without one, the tests are skipped, with the reason.
test-browser: .venv/ready
	@command -v chromium >/dev/null || apt-get install -y chromium >/dev/null 2>&1 || echo "Chromium cannot be installed."
	$(BIN)/python -m pytest -m browser -rs -n 0 $(TEST)

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
