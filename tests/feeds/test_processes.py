"""`infoline reminders watch` and `pull` as processes: without --once they run until they get a signal."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from tests.feeds.fhir import servers
from tests.feeds.fhir.servers import LOCATION, FakeServer, bundle, patient, running
from tests.support.clinic import at, csv_text, row
from tests.support.paths import ROOT
from tests.support.processes import environment, wait_until

pytestmark = pytest.mark.processes


@pytest.fixture
def start(clinic):
    """Starts a command of `infoline reminders` with settings, whose output is in a file. It is killed at the end."""
    started: list[subprocess.Popen[bytes]] = []
    log = clinic.folder / "output.log"

    def start(*arguments: str, **settings: object) -> subprocess.Popen[bytes]:
        with log.open("wb") as output:
            command = [sys.executable, "-m", "ivr.cli", "reminders", *arguments]
            env = environment(clinic.folder, **settings)
            started.append(subprocess.Popen(command, cwd=ROOT, env=env, stdout=output, stderr=output))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_watched_folder_takes_file_after_file_until_the_process_is_stopped(clinic, start, number):
    incoming = clinic.folder / "incoming"
    incoming.mkdir()
    process = start("watch", "--every", "0.2", WATCH_FOLDER=incoming, WATCH_QUIET_SECONDS=0)
    for day in (8, 9):
        (incoming / f"{day}.csv").write_text(csv_text([row(1, at(day))]))
        wait_until(lambda: list((incoming / "done").glob(f"*-{day}.csv")), 120)  # noqa: B023
    process.send_signal(number)
    assert process.wait(60) == 0, (clinic.folder / "output.log").read_text()
    assert clinic.appointment("A1").starts_at.isoformat() == at(9)


def test_a_pull_is_repeated_until_the_process_is_stopped(clinic, start):
    answer = bundle(servers.appointment(1), patient(1), LOCATION)
    with running(FakeServer(lambda _query: answer, needs_token=False)) as fake:
        process = start("pull", FHIR_URL=fake.url, FHIR_SECONDS=10)
        wait_until(lambda: len(fake.searches) >= 2, 180)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, (clinic.folder / "output.log").read_text()
    assert clinic.appointment("A1").status == "booked"
