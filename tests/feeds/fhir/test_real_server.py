"""A pull from a server that is not ours: the FHIR engine of Medplum, as a process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from ivr.ledger.tables import appointment
from tests.support.clinic import phone
from tests.support.paths import ROOT
from tests.support.processes import environment

pytestmark = pytest.mark.processes

# It names the exact versions of what it needs.
ENGINE = "@medplum/fhir-router@5.2.13"
# More than a page of a pull.
NUMBERS = range(1, 231)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the packages of the engine."""
    npm = shutil.which("npm")
    if not npm or not shutil.which("node"):
        pytest.skip("Node.js and npm are not installed")
    folder = tmp_path_factory.mktemp("medplum")
    install = [npm, "install", "--no-audit", "--no-fund", "--prefer-offline", "--ignore-scripts", ENGINE]
    installed = subprocess.run(install, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    if installed.returncode:
        pytest.skip(f"npm cannot install {ENGINE}: {installed.stderr.splitlines()[:1]}")
    return folder / "node_modules"


@pytest.fixture
def url(engine: Path) -> Iterator[str]:
    """The base URL of an empty server."""
    script = Path(__file__).parent / "medplum.js"
    values = {**os.environ, "NODE_PATH": str(engine)}
    with subprocess.Popen(["node", script], stdout=subprocess.PIPE, text=True, env=values) as process:
        try:
            assert process.stdout
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/fhir"
        finally:
            process.kill()


def store(url: str, *resources: dict) -> None:
    for resource in resources:
        answer = requests.put(f"{url}/{resource['resourceType']}/{resource['id']}", json=resource, timeout=60)
        assert answer.status_code in (200, 201), answer.text


def booking(number: int, day: int = 8, status: str = "booked") -> dict:
    actors = (f"Patient/P{number}", "Location/elliot")
    return {
        "resourceType": "Appointment",
        "id": f"A{number}",
        "status": status,
        "start": f"2026-12-{day:02}T10:30:00-05:00",
        "end": f"2026-12-{day:02}T10:50:00-05:00",
        "participant": [{"actor": {"reference": actor}, "status": "accepted"} for actor in actors],
    }


def patient(number: int) -> dict:
    telecom = [{"system": "phone", "use": "mobile", "value": phone(number % 99 + 1)}]
    return {"resourceType": "Patient", "id": f"P{number}", "telecom": telecom}


def test_a_pull_takes_the_appointments_of_a_real_server_page_by_page_and_then_what_changes(clinic, url):
    store(url, {"resourceType": "Location", "id": "elliot", "name": "Elliot Hospital"})
    for number in NUMBERS:
        store(url, patient(number), booking(number))
    env = environment(clinic.folder)

    def pull() -> str:
        command = [sys.executable, "-m", "ivr.cli", "reminders", "pull", "--fhir", url, "--once"]
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert "230 new" in pull()
    assert {stored.appointment_id for stored in clinic.all(appointment)} == {f"A{number}" for number in NUMBERS}
    assert {stored.site for stored in clinic.all(appointment)} == {"elliot"}
    store(url, booking(1, day=10), booking(2, status="cancelled"), patient(231), booking(231))
    pull()
    assert clinic.appointment("A1").starts_at.day == 10
    assert clinic.appointment("A2").status == "cancelled"
    assert clinic.appointment("A231").status == "booked"
    assert [clinic.changes(f"A{number}") for number in NUMBERS[2:]] == [[]] * len(NUMBERS[2:])
