# Needs Python 3.11 or newer, make and git. Everything is installed into .venv/.
PYTHON ?= python3
BIN = .venv/bin
# The environment gets its own pip only if Python's is missing or too old.
PIP = $(if $(wildcard $(BIN)/pip),$(BIN)/pip,$(PYTHON) -m pip --python $(BIN)/python)
# Installs a program that tests need, if apt-get can; they are skipped without it, with the reason.
debian = PATH="$$PATH:/usr/sbin" command -v $(1) >/dev/null || \
	apt-get install -y --no-install-recommends $(2) >/dev/null 2>&1 || echo "$(1) cannot be installed."
# Without bytecode files, each process that a test starts compiles every module again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test test-processes test-chaos test-cluster test-crash test-browser bench lint format catalog lock audit release clean

run: .venv/ready-to-run
	@exec $(BIN)/infoline run $(RUN)

# Tests also wait, so that three processes share two cores.
test: .venv/ready
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(TEST)

# Takes minutes: starts the web process, workers, the clock, and the queue, as a hospital does. The alert rules are tested
# here, because they need Prometheus.
test-processes: .venv/ready
	@$(call debian,nginx,nginx)
	@$(call debian,promtool,prometheus)
	@$(call debian,chromium,chromium)
	$(BIN)/python -m pytest -m processes -rs -n auto --maxprocesses 2 --dist loadfile --no-loadscope-reorder $(TEST)

# Takes minutes: kills processes and cuts connections; prints how many texts went out, were lost and were sent twice.
test-chaos: .venv/ready
	$(BIN)/python -m pytest -m chaos -n 2 --maxschedchunk 1 $(or $(TEST),tests/chaos)

# Takes minutes: two machines whose processes, PostgreSQL and Redis restart, fail over and are cut off, and two releases
# side by side. Needs PostgreSQL's initdb; without it, the tests are skipped, with the reason.
test-cluster: .venv/ready
	@command -v initdb >/dev/null || { $(call debian,/usr/lib/postgresql/*/bin/initdb,postgresql); }
	$(BIN)/python -m pytest -m cluster -rs $(TEST)

# Takes minutes: interrupts the hand-over of texts at every point. SCHEDULES=2000 runs that many of the schedules;
# SCHEDULE="2 ok late 44:forward,86:kill" replays one.
test-crash: .venv/ready
	$(if $(SCHEDULES),SCHEDULES=$(SCHEDULES)) $(if $(SCHEDULE),SCHEDULE="$(SCHEDULE)") \
		$(BIN)/python -m pytest -m crash -n $(if $(SCHEDULE),0 -s,2) tests/crash

# Drives the console and the phones in Debian's chromium. Without one, the tests are skipped, with the reason.
# PICTURES=1 takes the pictures in docs/images/ again.
test-browser: .venv/ready
	@$(call debian,chromium,chromium)
	$(BIN)/python -m pytest -m browser -rs -n 2 --dist loadfile --no-loadscope-reorder $(or $(TEST),tests/browser)

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
	$(PIP) install --quiet --require-hashes -r requirements-uv.txt
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --group build \
		pyproject.toml --output-file requirements.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --group build \
		--extra tracing --constraint requirements.txt pyproject.toml --output-file requirements-tracing.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --group demo \
		--constraint requirements.txt pyproject.toml --output-file requirements-demo.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --group dev \
		--constraint requirements-demo.txt --constraint requirements-tracing.txt pyproject.toml \
		--output-file requirements-dev.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --group release \
		--constraint requirements-dev.txt --output-file requirements-release.txt
	echo uv | $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
		- --output-file requirements-uv.txt

# Looks for known vulnerabilities of the dependencies; without a network, it says so and succeeds.
audit: .venv/release-ready
	$(BIN)/python -m tools.audit

# Writes the wheel of HEAD, its SBOM, the licenses of its dependencies, and checksums to dist/.
release: .venv/release-ready
	$(BIN)/python -m tools.release

.venv/release-ready: .venv/ready requirements-release.txt
	$(PIP) install --quiet --disable-pip-version-check --require-hashes -r requirements-release.txt
	@touch $@

# A fresh clone runs before the tools for tests are installed; those come on top.
.venv/ready-to-run: requirements-demo.txt pyproject.toml setup.py
	@$(PYTHON) bootstrap.py demo
	@touch $@

.venv/ready: requirements-dev.txt pyproject.toml setup.py
	@$(PYTHON) bootstrap.py dev
	@touch .venv/ready-to-run $@

clean:
	rm -rf .venv build dist *.egg-info
