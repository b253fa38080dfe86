"""How each command on the pages is run by a test: here, in another test, or, for the reason given, not at all."""

from __future__ import annotations

from typing import NamedTuple


class Command(NamedTuple):
    """shown: a command as the pages have it. run_as: with values in place of names such as BATCH; empty: as shown."""

    shown: str
    run_as: str = ""
    status: int = 0


# In this order, on one line of its own: tests/docs/test_commands.py.
RUN_HERE = (
    Command("db upgrade"),
    Command("release"),
    Command("prompts history"),
    # The line of a test has no queue.
    Command("doctor", status=1),
    Command("doctor --write-fallback /var/lib/infoline/fallback.xml", "doctor --write-fallback fallback.xml"),
    Command('ask "is it bad"'),
    Command("reminders import var/example-appointments.csv"),
    Command("reminders import FILE --dry-run", "reminders import rows.csv --dry-run"),
    Command("reminders import FILE --strict", "reminders import rows.csv --strict"),
    Command("reminders import FILE", "reminders import rows.csv"),
    Command("reminders import --json", "reminders import rows.csv --json"),
    Command("reminders import FILE --sheet NAME", "reminders import rows.xlsx --sheet Sheet1"),
    Command("reminders import FILE --hidden-rows", "reminders import rows.xlsx --hidden-rows"),
    Command("reminders status"),
    Command("reminders status BATCH", "reminders status 1"),
    Command("reminders pause", "reminders pause 1"),
    Command("reminders resume", "reminders resume 1"),
    Command("reminders export BATCH -o F.csv", "reminders export 1 -o F.csv"),
    Command("reminders effect BATCH", "reminders effect 1"),
    Command("reminders person 603-555-0123"),
    Command("reminders person NUMBER", "reminders person 603-555-0102"),
    Command("reminders person-data 603-555-0123 -o patient.json"),
    Command("reminders skip APPOINTMENT_ID STEP", "reminders skip MAM-1002 1d"),
    Command("reminders unskip APPOINTMENT_ID STEP", "reminders unskip MAM-1002 1d"),
    Command("reminders send APPOINTMENT_ID STEP", "reminders send MAM-1002 1d"),
    Command('reminders stop NUMBER --because "told Ann at the desk"', "reminders stop 603-555-0103 --because told"),
    Command('reminders start NUMBER --because "..."', "reminders start 603-555-0103 --because asked"),
    Command("reminders erase 603-555-0123"),
    Command("reminders cancel BATCH", "reminders cancel 1"),
    Command("callbacks"),
    Command("callbacks done ID", "callbacks done 1"),
    Command("todos"),
    Command("calls"),
    Command("unanswered"),
    Command("hl7 replay messages.hl7", status=1),
    Command("hl7 items"),
    Command("hl7 show", "hl7 show 1"),
    Command("hl7 show 12", "hl7 show 1"),
    Command("hl7 show ID", "hl7 show 1"),
    Command("hl7 done 12", "hl7 done 1"),
    Command("hl7 done ID", "hl7 done 2"),
    Command("hl7 retire"),
    Command("users"),
    Command('users add ann@hospital.example --name "Ann Example" --role admin'),
    Command("users add EMAIL --name NAME --role admin", "users add bo@hospital.example --name Bo --role admin"),
    Command("users reset", "users reset bo@hospital.example"),
    Command("users disable", "users disable bo@hospital.example"),
    Command("keys add", "keys add registration --role scheduler"),
    Command("keys revoke", "keys revoke 1"),
    Command("keys revoke ID", "keys revoke 2"),
    Command("keys hash-key"),
    Command("keys rotate"),
    Command("keys rotate --status"),
    Command("keys rotate --forget-lost"),
    Command("audit"),
    Command("audit --json"),
    Command("retention --dry-run"),
    Command("retention"),
    Command("prompts check"),
    Command("prompts proof en/cancer"),
    Command("prompts say cancer -o cancer.wav"),
    Command("prompts say welcome --language es -o menu.wav"),
    Command("prompts draw -o line.svg"),
    Command("prompts draw -o docs/line.svg"),
    Command("prompts in-step"),
    Command("prompts in-step es/cancer"),
    Command("prompts sign", "prompts sign welcome --by Lee"),
    Command('prompts sign cancer --by "Dr. Lee"'),
    Command("prompts record en/cancer-2 monday.mp3"),
    Command('prompts publish --note "shorter"'),
    Command("prompts publish"),
    Command("prompts draft get en/cancer.md -o mine.md"),
    Command("prompts draft put mine.md --as en/cancer.md"),
    Command("prompts draft"),
    Command("prompts draft check"),
    Command("prompts draft drop en/old.md", "prompts draft drop recordings/en/cancer-2.wav"),
    Command("prompts publish --draft"),
    Command("prompts rollback 11", "prompts rollback 1"),
    Command("prompts rollback 12", "prompts rollback 2"),
    Command("prompts export", "prompts export exported"),
    Command("prompts export FOLDER", "prompts export other"),
)

# The test that runs each; a test of a whole page, in PAGES_WITH_A_TEST, is named by its file.
_PROCFILE = "tests/worker/test_job_worker.py::test_no_process_of_the_procfile_ends_by_itself_even_without_a_queue"
_FIRST_LOOK = "tests/e2e/test_first_look_page.py"
_SIMULATOR = "tests/simulator/test_docs.py"
_FEEDS = "tests/docs/test_feeds.py"
_RECONCILE = "tests/reminders/outbox/test_restore.py::test_the_command_reconciles_and_refuses_invalid_times"
_TEACH = "tests/line/lint/test_add_phrase.py::test_a_group_becomes_a_phrase_of_the_draft_in_one_step"
_COPY = "tests/cli/test_db_copy.py::test_the_password_is_asked_for_and_never_printed"
_WEB = "tests/e2e/test_run.py::test_a_web_process_for_twilio_has_no_console"
RUN_ELSEWHERE = {
    "run": "tests/e2e/test_first_look.py::test_without_a_terminal_these_entries_are_all_that_standard_output_gets",
    "run --empty": "tests/e2e/test_run.py::test_an_empty_start_moves_the_data_of_earlier_runs",
    "web": _WEB,
    "web --doors twilio": _WEB,
    "worker": _PROCFILE,
    "clock": _PROCFILE,
    "call": "tests/e2e/test_calls.py::"
    "test_the_call_command_takes_keys_and_words_that_are_typed_until_somebody_hangs_up",
    'call --keys "1,1,0,completed"': _FIRST_LOOK,
    "call --keys 5 --json": _SIMULATOR,
    'text "hello"': _SIMULATOR,
    'text "can I wear deodorant"': _FIRST_LOOK,
    "doctor --connect": "tests/cli/test_doctor.py::"
    "test_connecting_asks_first_then_sets_the_webhooks_and_then_has_nothing_to_do",
    "reminders reconcile": _RECONCILE,
    "reminders reconcile --since": _RECONCILE,
    "reminders reconcile --since 2026-12-01T03:00": _RECONCILE,
    "reminders watch incoming --once": _FEEDS,
    "reminders pull --fhir http://127.0.0.1:8090/fhir --once": _FEEDS,
    "reminders watch": _PROCFILE,
    "reminders pull": _PROCFILE,
    "hl7": _PROCFILE,
    "hl7 --port 2575": _FEEDS,
    "db copy": _COPY,
    "db copy --password 'postgresql://infoline@db.example.org/infoline?sslmode=verify-full'": _COPY,
    "db copy sqlite:////var/lib/infoline/infoline.db": "tests/cli/test_db_copy.py::test_a_line_can_move_back_to_a_file",
    "unanswered teach": _TEACH,
    "unanswered teach 3fa2c1 --topic cancer": _TEACH,
}

# Other commands of the shell, in blocks. Pages that a test of their own runs from top to bottom:
PAGES_WITH_A_TEST = {
    "docs/api.md": "tests/web/api/test_docs.py",
    "docs/feeds.md": "tests/docs/test_feeds.py",
    "docs/first-look.md": "tests/e2e/test_first_look_page.py",
    "docs/simulator.md": "tests/simulator/test_docs.py",
}

# Run here in a folder that takes the place of /, by how they begin.
SHELL_RUN_HERE = (
    ". .venv/bin/activate",
    ".venv/bin/pybabel init",
    "cp deploy/systemd/*",
    "echo OTEL_EXPORTER_OTLP_ENDPOINT=",
    "install -D -m 0644",
    "install -d -o infoline",
    "python -c",
    "python3 -m venv",
)

# Processes, started here on free ports: how they begin, and what they print when they have started.
SHELL_STARTED_HERE = {
    "PUBLIC_URL=https://line.example.org python -m simulator": "phone network",
    "python -m simulator": "phone network",
}

# Run by other tests, by how they begin.
SHELL_RUN_ELSEWHERE = {
    "promtool test rules": "tests/deploy/test_monitoring.py::test_the_alerts_fire_when_they_should_and_only_then",
    "python -m http.server": "tests/e2e/test_phone_network.py::"
    "test_the_exported_fallback_answers_and_transfers_when_the_line_is_down",
    ".venv/bin/python -m tests.attack": "tests/attack/test_outside.py::test_the_command_finds_the_line_safe",
}

# Not run: how they begin, and why.
SHELL_NOT_RUN = {
    ".ci/run": "runs the tests",
    "/opt/infoline/.venv/bin/pip install --no-deps": "tests/e2e/test_wheel.py installs this into an environment",
    "/opt/infoline/.venv/bin/pip install --require-hashes": "downloads 100 MB; `make test` installs the same pins",
    "alias infoline=": "needs the user infoline; tests/docs/test_commands.py runs the commands that use it",
    "apt-get install": "changes the machine, and needs root",
    "chmod 600": "lacks the name of the file; tests/test_env_file.py tries other permissions",
    "git clone": "lacks the address of the repository; .ci/time-first-call clones it",
    "honcho start": "a hospital's own runner; tests/worker/test_job_worker.py starts what the Procfile lists",
    "journalctl": "needs systemd as the first process",
    "nginx -t": "needs root; tests/deploy/test_nginx.py checks and runs the configuration",
    "npm install twilio": "downloads; tests/simulator/test_docs.py uses what it installs",
    "pip install twilio": "downloads; tests/simulator/test_docs.py uses what it installs",
    "pipx run pre-commit install": "downloads; tests/docs/test_commands.py compares the hooks with `make lint`",
    "python3 bootstrap.py": "`make run` runs it on a clean clone, in .ci/time-first-call",
    "sudo -u infoline": "needs that user; tests/deploy/test_backup.py runs deploy/restore.py",
    "systemctl": "needs systemd as the first process; tests/deploy/test_systemd.py checks the units",
    "systemd-analyze security": "lacks the name of the unit; tests/deploy/test_systemd.py checks each",
    "useradd": "changes the machine, and needs root",
}

# The targets of make on the pages. .ci/run or a test runs them, except for these, and why.
MAKE_NOT_RUN = {
    "audit": "needs a package index; tests/tools runs tools/audit.py",
    "bench": "takes minutes, and its figures depend on the machine",
    "catalog": "changes the catalogs; tests/web/console/test_catalog.py finds what it would add",
    "format": "changes the code; `make lint` finds what it would change",
    "lock": "resolves all dependencies anew",
    "release": "needs a package index; tests/tools runs tools/release.py",
    "test-cluster": "takes minutes, and needs PostgreSQL's initdb",
}
