# Needs Python 3.11 or newer, make and git. Everything is installed into .venv/.
PYTHON ?= python3
BIN = .venv/bin

.PHONY: run test test-processes test-chaos bench lint format lock clean

run: .venv/ready-to-run
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

# Pins the dependencies of pyproject.toml, with hashes.
lock: .venv/ready
	$(BIN)/pip install --quiet uv==0.13.9
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
		pyproject.toml --output-file requirements.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --group demo \
		--constraint requirements.txt pyproject.toml --output-file requirements-demo.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --group dev \
		--constraint requirements-demo.txt pyproject.toml --output-file requirements-dev.txt

# A fresh clone runs before the tools for tests are installed; those come on top.
.venv/ready-to-run: requirements-demo.txt pyproject.toml setup.py
	@$(PYTHON) bootstrap.py demo
	@touch $@

.venv/ready: requirements-dev.txt pyproject.toml setup.py
	@$(PYTHON) bootstrap.py dev
	@touch .venv/ready-to-run $@

clean:
	rm -rf .venv build dist *.egg-info
