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
    Command("doctor --write-fallback F.xml"),
    Command("doctor --write-fallback fallback.xml", "doctor --write-fallback other.xml"),
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

# The test that runs each, whose file has the words of the command.
RUN_ELSEWHERE = {
    "run": "tests/e2e/test_run.py",
    "run --empty": "tests/e2e/test_run.py",
    "web": "tests/e2e/test_run.py",
    "web --doors twilio": "tests/e2e/test_run.py",
    "worker": "tests/e2e/test_run.py",
    "clock": "tests/e2e/test_run.py",
    "call": "tests/e2e/test_calls.py",
    'call --keys "1,1,0,completed"': "tests/e2e/test_first_look_page.py",
    "call --keys 5 --json": "tests/simulator/test_docs.py",
    'text "hello"': "tests/simulator/test_docs.py",
    'text "can I wear deodorant"': "tests/e2e/test_first_look_page.py",
    "doctor --connect": "tests/cli/test_doctor.py",
    "reminders reconcile --since": "tests/reminders/outbox/test_restore.py",
    "reminders reconcile --since 2026-12-01T03:00": "tests/reminders/outbox/test_restore.py",
    "reminders watch incoming --once": "tests/docs/test_feeds.py",
    "reminders pull --fhir http://127.0.0.1:8090/fhir --once": "tests/docs/test_feeds.py",
    "reminders watch": "tests/feeds/test_folder.py",
    "reminders pull": "tests/feeds/fhir/test_pull.py",
    "hl7": "tests/feeds/hl7/sending.py",
    "hl7 --port 2575": "tests/feeds/hl7/sending.py",
    "unanswered teach": "tests/line/lint/test_add_phrase.py",
    "unanswered teach 3fa2c1 --topic cancer": "tests/line/lint/test_add_phrase.py",
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
    "cp deploy/systemd/*",
    "echo OTEL_EXPORTER_OTLP_ENDPOINT=",
    "install -D -m 0644",
    "install -d -o infoline",
    "python3 -m venv",
)

# Not run: how they begin, and why.
SHELL_NOT_RUN = {
    "/opt/infoline/.venv/bin/pip install --no-deps .": "tests/e2e/test_wheel.py installs this into an environment",
    "/opt/infoline/.venv/bin/pip install --require-hashes": "downloads 100 MB; `make test` installs the same pins",
    "alias infoline=": "needs the user infoline; tests/docs/test_commands.py runs the commands that use it",
    "apt-get install": "changes the machine, and needs root",
    "journalctl": "needs systemd as the first process",
    "nginx -t": "needs root; tests/deploy/test_nginx.py checks and runs the configuration",
    "sudo -u infoline": "needs that user; tests/deploy/test_backup.py runs deploy/restore.py",
    "systemctl": "needs systemd as the first process; tests/deploy/test_systemd.py checks the units",
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
