"""Pulls from a FHIR server: signed in, page by page, from where the last one stopped, and nothing lost on a failure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from ivr.cli import main
from ivr.feeds.fhir.server import Client, FhirError, FhirServer
from ivr.feeds.hl7.process import Feed
from ivr.ledger.tables import alarm, appointment, batch
from ivr.settings import Settings
from tests.feeds.fhir import servers
from tests.feeds.fhir.records import Records, puller
from tests.feeds.fhir.servers import LOCATION, FakeServer, bundle, patient, running
from tests.feeds.hl7.messages import siu
from tests.feeds.loops import Steps
from tests.support.clinic import NOW, row

HTML = (200, {"Content-Type": "text/html"}, b"<html>Sign in</html>")


@pytest.fixture(autouse=True)
def _few_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a first pull ask for three windows, of which the last has no end: these tests are about others."""
    monkeypatch.setattr("ivr.feeds.fhir.position._MOST_AHEAD", timedelta(days=60))


@pytest.fixture
def clinic(clinic_on_each_database):
    return clinic_on_each_database


def one_page(*numbers: int, following: str = ""):
    entries = [entry for number in numbers for entry in (servers.appointment(number), patient(number))]
    return bundle(*entries, LOCATION, following=following)


def test_a_pull_signs_in_and_imports_every_page(clinic):
    def answer(query):
        page = int(query.get("page", ["1"])[0])
        following = f"/fhir/Appointment?page={page + 1}" if page < 3 else ""
        # A resource may move to the next page while the pages are read.
        return one_page(page, *([page - 1] if page > 1 else []), following=following)

    with running(FakeServer(answer)) as fake:
        report = puller(clinic, fake).run(NOW)
    assert (report.rows, report.accepted, report.rejected) == (3, 3, 0)
    assert clinic.appointment("A2").site == "elliot"
    assert clinic.batch(report.batch).filename == "FHIR"
    [grant] = fake.grants
    assert grant["scope"] == ["system/Appointment.rs system/Patient.rs system/Location.rs"]
    assert fake.searches[0]["date"] == ["ge2026-12-01", "lt2026-12-29"]
    assert fake.searches[0]["_include"] == ["Appointment:patient", "Appointment:location"]


def test_the_next_pull_takes_what_changed_since(clinic):
    answers = [
        one_page(1),
        bundle(servers.appointment(1, "2026-12-09T10:30:00-05:00"), patient(1), LOCATION),
        bundle(),
        bundle(servers.appointment(1, status="cancelled"), patient(1), LOCATION),
    ]
    now = NOW
    with running(FakeServer(lambda _query: answers.pop(0), clock=lambda: now)) as fake:
        for minutes in range(0, 40, 10):
            now = NOW + timedelta(minutes=minutes)
            puller(clinic, fake, now).run(now)
    since = [query.get("_lastUpdated") for query in fake.searches]
    # After an empty answer, the same: nothing shows how far the clock that stamps changes has come.
    assert since == [None, *([f"ge2026-12-01T{hour}Z"] for hour in ("14:58:00", "15:08:00", "15:08:00"))]
    assert clinic.appointment("A1").status == "cancelled"
    assert len(clinic.all(batch)) == 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((401, {}, b""), "answered 401"),
        ((403, {}, b""), "answered 403"),
        ((429, {"Retry-After": "7"}, b""), "answered 429"),
        ((500, {}, b"{}"), "answered 500"),
        ((302, {"Location": "http://127.0.0.1:1/"}, b""), "answered 302"),
        (HTML, "other than JSON"),
        ((200, {}, b"[]"), "other than a FHIR resource"),
        ((200, {}, b'{"resourceType": "OperationOutcome"}'), "other than a Bundle"),
        (bundle(following="/fhir/Appointment?page=2"), "lead back to themselves"),
        (bundle(following="http://127.0.0.1:1/fhir/Appointment"), "on another server"),
        (bundle(following="http://[x"), "not valid"),
    ],
)
def test_a_server_that_fails_raises_the_alarm_and_nothing_is_lost(clinic, answer, words):
    waits: list[float] = []
    with running(FakeServer(lambda _query: answer)) as fake:
        with pytest.raises(FhirError, match=words):
            puller(clinic, fake, waits=waits).run(NOW)
        assert [row.name for row in clinic.all(alarm)] == ["fhir_pull_failed"]
        assert clinic.all(appointment) == []
        assert waits == {429: [7.0, 7.0, 7.0], 500: [1.0, 2.0, 4.0]}.get(answer[0], [])
        fake.answer = lambda _query: one_page(1)
        puller(clinic, fake).run(NOW + timedelta(hours=1))
    # The first pull has not come anywhere, so this one is the first again.
    assert "date" in fake.searches[-1]
    assert clinic.all(alarm) == []
    assert clinic.appointment("A1").status == "booked"


def test_the_newest_of_two_feeds_and_a_file_wins_and_the_history_says_from_where(clinic, monkeypatch):
    clock = iter(NOW + timedelta(minutes=minutes) for minutes in range(100))
    monkeypatch.setattr("ivr.feeds.hl7.process.clock.now", lambda: next(clock))
    hl7 = Feed(Settings(), clinic.ledger, clinic.vault, clinic.content)

    def state() -> tuple[str, str]:
        found = clinic.appointment("A1")
        return clinic.batch(found.batch_id).filename, f"{found.starts_at:%d %H:%M} {found.status}"

    answers = [
        one_page(1),
        bundle(servers.appointment(1, "2026-12-11T10:30:00-05:00"), patient(1), LOCATION),
        bundle(servers.appointment(1, status="cancelled"), patient(1), LOCATION),
    ]
    with running(FakeServer(lambda _query: answers.pop(0))) as fake:
        puller(clinic, fake).run(NOW)
        assert state() == ("FHIR", "08 15:30 booked")
        hl7.replay(siu(1, "S13", sent=f"{NOW:%Y%m%d%H%M%S}+0000", starts="202612091030"))
        assert state() == ("HL7 RADIS", "09 15:30 booked")
        clinic.import_rows(row(1, "2026-12-10 10:30", site="elliot"), now=NOW + timedelta(minutes=20))
        assert state() == ("appointments.csv", "10 15:30 booked")
        puller(clinic, fake).run(NOW + timedelta(minutes=30))
        assert state() == ("FHIR", "11 15:30 booked")
        hl7.replay(siu(1, "S13", sent=f"{NOW - timedelta(hours=1):%Y%m%d%H%M%S}+0000", starts="202612141030"))
        assert state() == ("FHIR", "11 15:30 booked")
        puller(clinic, fake).run(NOW + timedelta(minutes=40))
    assert state() == ("FHIR", "08 15:30 cancelled")
    [stored] = clinic.all(appointment)
    assert (stored.appointment_id, stored.created_from) == ("A1", "FHIR")
    assert [(change.source, change.what) for change in clinic.changes("A1")] == [
        ("HL7 RADIS", "starts_at,language"),
        ("appointments.csv", "starts_at,language"),
        ("FHIR", "starts_at"),
        ("FHIR", "starts_at,status"),
    ]


def test_a_token_that_expired_is_replaced(clinic):
    with running(FakeServer(lambda _query: one_page(1))) as fake:
        pull = puller(clinic, fake)
        pull.run(NOW)
        fake.token = "token-2"
        pull.run(NOW)
    assert len(fake.grants) == 2


def test_a_server_that_is_busy_once_is_asked_again(clinic):
    answers = [(503, {}, b""), (429, {}, b""), one_page(1)]
    with running(FakeServer(lambda _query: answers.pop(0))) as fake:
        assert puller(clinic, fake).run(NOW).accepted == 1


def test_a_server_that_is_down_raises_the_alarm(clinic):
    with running(FakeServer(lambda _query: bundle())) as fake:
        pull = puller(clinic, fake)
    with pytest.raises(FhirError, match="does not answer"):
        pull.run(NOW)
    assert [row.name for row in clinic.all(alarm)] == ["fhir_pull_failed"]


@pytest.mark.parametrize("url", ["http://fhir.example.org/r4", "ftp://127.0.0.1/", "fhir.example.org"])
def test_records_are_not_sent_in_the_clear(url):
    with pytest.raises(FhirError, match="https://"):
        FhirServer(url, None, lambda: NOW)


def test_a_key_that_is_none_is_reported(clinic):
    with running(FakeServer(lambda _query: bundle())) as fake:
        server = FhirServer(fake.url, Client("infoline", b"no key"), lambda: NOW)
        with pytest.raises(FhirError, match="FHIR_KEY"):
            list(server.search("Appointment", {}))


def test_an_appointment_without_a_number_is_rejected_and_the_others_go_in(clinic):
    entries = (servers.appointment(1), servers.appointment(2), patient(2), LOCATION)
    with running(FakeServer(lambda _query: bundle(*entries))) as fake:
        report = puller(clinic, fake).run(NOW)
    assert (report.accepted, report.rejected, report.errors[0].column) == (1, 1, "phone")


def test_a_page_that_fails_keeps_what_was_read_before_it_and_the_next_pull_reads_it_again(clinic):
    def answer(query):
        return (500, {}, b"{}") if "page" in query else one_page(1, following="/fhir/Appointment?page=2")

    with running(FakeServer(answer)) as fake:
        with pytest.raises(FhirError, match="answered 500"):
            puller(clinic, fake).run(NOW)
        assert [row.name for row in clinic.all(alarm)] == ["fhir_pull_failed"]
        assert clinic.appointment("A1").status == "booked"
        fake.answer = lambda query: one_page(2) if "page" in query else answer(query)
        report = puller(clinic, fake).run(NOW + timedelta(hours=1))
    assert (report.accepted, report.unchanged, clinic.all(alarm)) == (1, 1, [])


def test_a_patient_that_only_an_earlier_page_includes_is_known_on_the_later_one(clinic):
    first, second = servers.appointment(1), servers.appointment(2)
    second["resource"]["participant"] = first["resource"]["participant"]

    def answer(query):
        return bundle(second) if "page" in query else bundle(first, patient(1), LOCATION, following="?page=2")

    with running(FakeServer(answer)) as fake:
        assert puller(clinic, fake).run(NOW).accepted == 2


def test_a_record_with_characters_that_cannot_be_stored_keeps_no_other_out(clinic):
    broken, other = servers.appointment(1), servers.appointment(2)
    broken["resource"]["id"] = "A\0"
    with running(FakeServer(lambda _query: bundle(broken, patient(1), other, patient(2), LOCATION))) as fake:
        report = puller(clinic, fake).run(NOW)
    assert (report.accepted + report.rejected, clinic.appointment("A2").status) == (2, "booked")


def test_a_pull_of_which_nothing_can_be_imported_raises_the_alarm_and_is_repeated(clinic, monkeypatch):
    monkeypatch.setattr("ivr.reminders.imports.files.cells.MAX_ROWS", 1)
    with running(FakeServer(lambda _query: one_page(1, 2))) as fake:
        with pytest.raises(FhirError):
            puller(clinic, fake).run(NOW)
        assert [row.name for row in clinic.all(alarm)] == ["fhir_pull_failed"]
        monkeypatch.undo()
        puller(clinic, fake).run(NOW + timedelta(hours=1))
    # From the beginning: nothing counts as read.
    assert "date" in fake.searches[-1]
    assert (clinic.all(alarm), len(clinic.all(appointment))) == ([], 2)


def test_the_command_signs_in_with_the_key_of_the_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))
    monkeypatch.setattr("ivr.clock.now", lambda: NOW)
    assert CliRunner().invoke(main, ["db", "upgrade"]).exit_code == 0
    with running(FakeServer(lambda _query: one_page(1))) as fake:
        command = ["reminders", "pull", "--fhir", fake.url, "--once"]
        monkeypatch.setenv("FHIR_CLIENT_ID", "infoline")
        missing = CliRunner().invoke(main, command)
        monkeypatch.setenv("FHIR_KEY", str(tmp_path / "fhir.pem"))
        monkeypatch.setenv("FHIR_KEY_ID", "k1")
        unreadable = CliRunner().invoke(main, command)
        (tmp_path / "fhir.pem").write_bytes(fake.pem)
        result = CliRunner().invoke(main, command)
    for refused, words in ((missing, "needs FHIR_KEY"), (unreadable, "FHIR_KEY cannot be read")):
        assert (refused.exit_code, words in refused.output) == (2, True), refused.output
    assert (result.exit_code, "1 appointments: 1 new" in result.output) == (0, True), result.output
    [grant] = fake.grants
    assert grant["grant_type"] == ["client_credentials"]


def test_a_pull_that_fails_is_repeated_after_the_seconds_of_the_setting(tmp_path, monkeypatch):
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("FHIR_SECONDS", "12.5")
    monkeypatch.setattr("ivr.clock.now", lambda: NOW)
    assert CliRunner().invoke(main, ["db", "upgrade"]).exit_code == 0
    with running(FakeServer(lambda _query: HTML, needs_token=False)) as fake:
        steps = Steps(lambda: setattr(fake, "answer", lambda _query: one_page(1)))
        monkeypatch.setattr("ivr.cli.reminders.pull.stop_on_signals", lambda: steps)
        result = CliRunner().invoke(main, ["reminders", "pull", "--fhir", fake.url])
    assert (result.exit_code, steps.waits) == (0, [12.5, 12.5]), result.output
    assert "fhir_pull_interrupted" in result.output
    assert "1 appointments: 1 new" in result.output


def test_the_command_prints_the_warnings_of_a_pull(tmp_path, monkeypatch):
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))
    monkeypatch.setattr("ivr.clock.now", lambda: NOW)
    assert CliRunner().invoke(main, ["db", "upgrade"]).exit_code == 0
    declined, dead, two = (servers.appointment(number) for number in (1, 2, 3))
    declined["resource"]["participant"][0]["status"] = "declined"
    two["resource"]["participant"].append({"actor": {"reference": "Patient/p4"}, "status": "accepted"})
    patients = [patient(number) for number in (1, 2, 3, 4)]
    patients[1]["resource"]["deceasedBoolean"] = True
    answer = bundle(declined, dead, two, *patients, LOCATION)
    with running(FakeServer(lambda _query: answer, needs_token=False)) as fake:
        result = CliRunner().invoke(main, ["reminders", "pull", "--fhir", fake.url, "--once"])
    printed = " ".join(result.output.split())
    for appointment_id, code in (
        ("A1, status", "declined"),
        ("A2, status", "deceased"),
        ("A3, phone", "second_patient"),
    ):
        assert re.search(rf"appointment {appointment_id}: warning: [^\[]* \[{code}\]", printed), printed
    assert printed.count("warning:") == 3
    assert result.exit_code == 0


def test_the_command_says_that_entries_could_not_be_read(tmp_path, monkeypatch):
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))
    monkeypatch.setattr("ivr.clock.now", lambda: NOW)
    assert CliRunner().invoke(main, ["db", "upgrade"]).exit_code == 0
    answer = bundle(servers.appointment(1), patient(1), LOCATION, {"resource": 7}, {"fullUrl": "urn:uuid:1"})
    with running(FakeServer(lambda _query: answer, needs_token=False)) as fake:
        result = CliRunner().invoke(main, ["reminders", "pull", "--fhir", fake.url, "--once"])
    assert "2 entries of the server's answers could not be read" in " ".join(result.output.split())
    assert "1 appointments: 1 new" in result.output
    assert result.exit_code == 1


def test_the_command_pulls_the_server_of_the_setting_and_names_what_it_rejected(tmp_path, monkeypatch):
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))
    assert CliRunner().invoke(main, ["db", "upgrade"]).exit_code == 0
    missing = CliRunner().invoke(main, ["reminders", "pull", "--once"])
    assert (missing.exit_code, "set FHIR_URL" in missing.output) == (2, True)
    records = Records(lambda: datetime.now(UTC))
    for number in (1, 2):
        records.put(number, f"{datetime.now(UTC) + timedelta(days=8):%Y-%m-%dT%H:%M:00Z}")
    records.set_phone(2, "")
    with running(records.server()) as fake:
        monkeypatch.setenv("FHIR_URL", fake.url)
        result = CliRunner().invoke(main, ["reminders", "pull", "--once"])
    assert result.exit_code == 1
    assert "appointment A2, phone: error: The phone number is missing" in result.output
    listed = CliRunner().invoke(main, ["hl7", "items"]).output
    assert ("A2" in listed, "A1" in listed, "FHIR" in listed) == (True, False, True)
    assert max(map(len, listed.splitlines())) <= 80
