"""/metrics: access, and the values reported."""

from __future__ import annotations

import platform
import shutil
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import update
from twilio.request_validator import RequestValidator

from ivr import clock, create_app, version
from ivr.ledger import Ledger, LedgerUnavailable
from ivr.ledger.tables import alarm, person, text
from ivr.people.persons import opt_out
from ivr.reminders.alarms import Alarm, raise_alarm
from ivr.reminders.outbox.monitor import beat
from ivr.settings import load
from ivr.web.metrics import LineCollector
from tests.support.certificates import certificate_for
from tests.support.clinic import NOW, at, open_clinic, row
from tests.support.network import TOKEN, wait_for
from tests.support.processes import environment

BEARER = "a-long-token"


@pytest.fixture
def app(content, tmp_path, monkeypatch):
    with open_clinic(content, tmp_path) as clinic:
        settings = {
            "METRICS_TOKEN": BEARER,
            "REDIS_URL": "redis://127.0.0.1:1",
            "BACKUP_FOLDER": tmp_path / "backups",
            "HL7_CERTIFICATE": tmp_path / "localhost.pem",
        }
        for name, value in environment(tmp_path, **settings).items():
            monkeypatch.setenv(name, value)
        app = create_app(load())
        app.clinic = clinic
        yield app


def scrape(app, **more):
    response = app.test_client().get("/metrics", **more)
    assert response.status_code == 200
    families = text_string_to_metric_families(response.text)
    return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("192.0.2.7", {}, 403),
        ("127.0.0.1", {"X-Forwarded-For": "192.0.2.7"}, 403),
        ("127.0.0.1", {"Forwarded": "for=192.0.2.7"}, 403),
        ("192.0.2.7", {"Authorization": f"Bearer {BEARER}"}, 200),
        ("192.0.2.7", {"Authorization": "Bearer another"}, 403),
        ("192.0.2.7", {"Authorization": "Bearer "}, 403),
        ("192.0.2.7", {"Authorization": "Bearer \u00e9"}, 403),
        ("", {}, 403),
    ],
)
def test_on_a_local_line_only_this_machine_and_clients_with_the_token_have_access(app, address, headers, status):
    response = app.test_client().get("/metrics", headers=headers, environ_base={"REMOTE_ADDR": address})
    assert response.status_code == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 403), ({"Authorization": f"Bearer {BEARER}"}, 200), ({"Authorization": "Bearer x"}, 403)],
)
def test_on_a_public_line_only_the_token_gives_access(app, headers, status):
    """A proxy on this machine may add no header, and then all its clients seem to be on this machine."""
    services = app.extensions["infoline"]
    public = services.settings.model_copy(update={"public_url": "https://line.example.org"})
    app.extensions["infoline"] = replace(services, settings=public)
    response = app.test_client().get("/metrics", headers=headers, environ_base={"REMOTE_ADDR": "127.0.0.1"})
    assert response.status_code == status


def test_the_metrics_show_text_states_active_alarms_and_what_is_down(app):
    clinic = app.clinic
    clinic.import_rows(row(10, at(2, -1)), row(11, at(2, -1)), row(12, at(2, -1)))
    clinic.send()
    beat(clinic.ledger, NOW)
    with clinic.ledger.write() as connection:
        raise_alarm(connection, Alarm.BACKLOG, NOW, "…")
    metrics = scrape(app)
    assert metrics["infoline_texts", "", "handed_over"] == 3
    assert metrics["infoline_texts", "", "delivered"] == 0
    assert {name: metrics["infoline_alarm", name] for name in Alarm} == {**dict.fromkeys(Alarm, 0), Alarm.BACKLOG: 1}
    assert (metrics["infoline_ledger_up",], metrics["infoline_queue_up",]) == (1, 0)
    assert 0 <= metrics["infoline_clock_age_seconds",] < 60
    assert metrics["infoline_release_info", clinic.content.digest] == 1
    python = platform.python_version()
    assert metrics["infoline_build_info", version.commit(), python, version.release()] == 1


@pytest.fixture
def _fresh_values(monkeypatch):
    """Every scrape reads the database, as if a second had passed."""
    monkeypatch.setattr("ivr.web.refreshed.time.monotonic", iter(range(10**6)).__next__)


def lose_database(monkeypatch):
    def unavailable(_ledger):
        raise LedgerUnavailable

    monkeypatch.setattr(Ledger, "read", unavailable)


@pytest.mark.usefixtures("_fresh_values")
def test_without_the_database_the_last_known_alarms_remain(app, monkeypatch):
    clinic = app.clinic
    clinic.import_rows(row(10, at(2, -1)))
    clinic.send()
    with clinic.ledger.write() as connection:
        raise_alarm(connection, Alarm.SENDING_STOPPED, NOW, "…")
    before = scrape(app)
    lose_database(monkeypatch)
    after = scrape(app)
    assert (before["infoline_ledger_up",], after["infoline_ledger_up",]) == (1, 0)
    assert after["infoline_alarm", Alarm.SENDING_STOPPED] == 1
    assert after["infoline_texts", "", "handed_over"] == 1
    assert before.keys() == after.keys()


def test_without_the_database_from_the_start_the_metrics_are_served_and_show_that_it_is_down(app, monkeypatch):
    lose_database(monkeypatch)
    metrics = scrape(app)
    assert metrics["infoline_ledger_up",] == 0
    assert not any(name[0] == "infoline_texts" for name in metrics)


def test_the_metrics_are_served_while_the_database_hangs(app, monkeypatch):
    hang = threading.Event()
    monkeypatch.setattr(Ledger, "read", lambda _ledger: hang.wait(30))
    for _ in range(20):
        assert scrape(app)["infoline_ledger_up",] == 0
    hang.set()


def test_the_metrics_count_requests_and_measure_turns(app):
    counts = app.extensions["infoline"].requests
    counts.record("voice", "403", "wrong_signature", 0.01)
    for seconds in (0.0005, 0.004, 99):
        counts.record("voice", "200", "", seconds)
    metrics = scrape(app)
    assert metrics["infoline_requests_total", "wrong_signature", "voice", "403"] == 1
    assert metrics["infoline_requests_total", "", "voice", "200"] == 3
    assert metrics["infoline_turn_seconds_bucket", "0.001", "voice"] == 1
    assert metrics["infoline_turn_seconds_bucket", "0.005", "voice"] == 2
    assert metrics["infoline_turn_seconds_bucket", "15.0", "voice"] == 2
    assert metrics["infoline_turn_seconds_count", "voice"] == 3


PHONE = {"From": "+16035550123", "To": "+16035550100", "CallSid": "CA" + "2" * 32}


def post(app, path, **fields):
    base = app.extensions["infoline"].settings.public_url
    signature = RequestValidator(TOKEN).compute_signature(base + path, {**PHONE, **fields})
    response = app.test_client().post(path, data={**PHONE, **fields}, headers={"X-Twilio-Signature": signature})
    assert response.status_code in (200, 204)


CALLS = [
    ("a new call", "/voice", {}, ("infoline_calls_total", "", "started")),
    ("its end", "/receipts/call/incoming", {"CallStatus": "completed"}, ("infoline_calls_total", "completed", "ended")),
    ("an odd end", "/receipts/call/incoming", {"CallStatus": "eaten"}, ("infoline_calls_total", "unknown", "ended")),
    ("a transfer", "menu", {"DialCallStatus": "busy"}, ("infoline_calls_total", "busy", "transferred")),
    ("an odd transfer", "menu", {"DialCallStatus": "x"}, ("infoline_calls_total", "unknown", "transferred")),
    (
        "a declined transfer",
        "menu",
        {"DialCallStatus": "completed", "DialBridged": "false"},
        ("infoline_calls_total", "no-answer", "transferred"),
    ),
    ("a topic", "menu", {"SpeechResult": "is it cancer"}, ("infoline_understanding_total", "topic", "call")),
    (
        "a request",
        "menu",
        {"SpeechResult": "I want to schedule an appointment"},
        ("infoline_understanding_total", "request", "call"),
    ),
    ("a red flag", "menu", {"SpeechResult": "chest pain"}, ("infoline_understanding_total", "red_flag", "call")),
    ("nothing", "menu", {"SpeechResult": "xyzzy plugh"}, ("infoline_understanding_total", "none", "call")),
]


@pytest.mark.parametrize(("path", "fields", "counted"), [case[1:] for case in CALLS], ids=[case[0] for case in CALLS])
def test_what_happens_on_calls_is_counted_once(app, path, fields, counted):
    release = app.extensions["infoline"].releases.live.digest
    post(app, path if path != "menu" else f"/voice/{release}/en.menu-welcome", **fields)
    counts = {name: value for name, value in scrape(app).items() if name[0] == counted[0]}
    assert counts == {counted: 1}


TEXTS = [
    ("a topic", "2", "answered", "topic"),
    ("a question", "is it cancer", "answered", "topic"),
    ("nothing", "xyzzy plugh", "answered", "none"),
    ("a red flag", "chest pain", "answered", "red_flag"),
    ("an automatic reply", "Liked “Your appointment”", "no_reply_needed", "request"),
]


@pytest.mark.parametrize(("body", "reply", "result"), [case[1:] for case in TEXTS], ids=[case[0] for case in TEXTS])
def test_texts_are_counted_by_their_reply_and_by_what_they_meant(app, body, reply, result):
    post(app, "/sms", Body=body, MessageSid="SM" + "1" * 32)
    metrics = scrape(app)
    assert {name for name in metrics if name[0] == "infoline_incoming_texts_total"} == {
        ("infoline_incoming_texts_total", reply)
    }
    assert metrics["infoline_understanding_total", result, "text"] == 1


def test_texts_that_get_no_answer_are_counted_by_the_reason(app):
    for _ in range(2):
        post(app, "/sms", Body="2", MessageSid="SM" + "1" * 32)
    post(app, "/sms", Body="2", MessageSid="SM" + "2" * 32, From="72345")
    for number in range(8):
        post(app, "/sms", Body="2", MessageSid=f"SM{number:032d}")
    replies = {name[1]: value for name, value in scrape(app).items() if name[0] == "infoline_incoming_texts_total"}
    assert replies == {"answered": 5, "repeated": 1, "not_answerable": 1, "last_answer": 1, "silenced": 3}


@pytest.mark.parametrize("sender", ["+19002341234", "+442071838750", "+18762341234", "+16039761234"])
def test_a_costly_sender_gets_no_reply_and_may_still_opt_out(app, sender):
    base = app.extensions["infoline"].settings.public_url
    for number, body in enumerate(("2", "chest pain", "STOP")):
        fields = {"From": sender, "To": "+16035550100", "Body": body, "MessageSid": f"SM{number:032d}"}
        signature = RequestValidator(TOKEN).compute_signature(f"{base}/sms", fields)
        response = app.test_client().post("/sms", data=fields, headers={"X-Twilio-Signature": signature})
        assert "<Message" not in response.text
    assert scrape(app)["infoline_incoming_texts_total", "not_allowed"] == 3
    assert [known.opted_out_at is not None for known in app.clinic.all(person)] == [True]


def test_the_delay_of_a_receipt_is_measured_once_when_it_settles_a_text(app):
    app.clinic.import_rows(row(10, at(2, -1)))
    attempt = app.clinic.send()[0].attempt
    with app.clinic.ledger.write() as connection:
        connection.execute(update(text).values(claimed_at=clock.now() - timedelta(seconds=40)))
    for status in ("sent", "delivered", "delivered"):
        post(app, f"/receipts/text/{attempt}", MessageStatus=status)
    metrics = scrape(app)
    assert metrics["infoline_receipt_seconds_count",] == 1
    assert (metrics["infoline_receipt_seconds_bucket", "30.0"], metrics["infoline_receipt_seconds_bucket", "60.0"]) == (
        0,
        1,
    )


def test_spooled_writes_are_counted_with_those_that_were_set_aside(app, tmp_path):
    spool = app.extensions["infoline"].spool
    assert scrape(app)["infoline_spooled_writes",] == 0
    app.extensions["infoline"].stopping.set()
    spool.save("stop", NOW, phone="+16035550123", source="text", evidence="STOP")
    folder = tmp_path / "var" / "kept"
    (folder / ".unreadable-1").write_bytes(b"")
    (folder / ".lock").touch()
    assert scrape(app)["infoline_spooled_writes",] == 2


def test_the_newest_backup_is_shown_and_its_absence_too(app, tmp_path):
    name = "infoline_last_backup_timestamp_seconds"
    assert (name,) not in scrape(app)
    (tmp_path / "backups").mkdir()
    (tmp_path / "backups" / ".infoline-20261201T030000Z.partial").mkdir()
    assert scrape(app)[name,] == 0
    for day in ("20261130", "20261129"):
        (tmp_path / "backups" / f"infoline-{day}T030000Z").mkdir()
    assert scrape(app)[name,] == datetime(2026, 11, 30, 3, tzinfo=UTC).timestamp()


def test_the_free_space_of_each_disk_is_shown(app, tmp_path, monkeypatch):
    (tmp_path / "backups").mkdir()
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: usage._replace(free=len(folder.name)))
    free = {key[1]: value for key, value in scrape(app).items() if key[0] == "infoline_disk_free_bytes"}
    assert free == {"VAR_DIR": len("var"), "DATABASE_URL": len(tmp_path.name), "BACKUP_FOLDER": len("backups")}


def test_the_end_of_a_certificate_is_shown_and_stays_while_it_cannot_be_read(app, tmp_path, monkeypatch):
    monkeypatch.setattr("ivr.web.metrics.CERTIFICATE_SECONDS", 0.0)
    app.extensions["line_collector"] = LineCollector(app.extensions["infoline"])
    name = ("infoline_certificate_end_timestamp_seconds", "HL7_CERTIFICATE")
    assert name not in scrape(app)
    files = certificate_for("localhost", 5, tmp_path)
    assert scrape(app)[name] == pytest.approx(time.time() + 5 * 86_400, abs=60)
    files.certificate.unlink()
    assert name in scrape(app)


def test_texts_have_the_reason_of_their_state(app):
    app.clinic.import_rows(row(10, at(2, -1)))
    with app.clinic.ledger.write() as connection:
        opt_out(connection, app.clinic.vault, "+16035550110", NOW, "text", "STOP")
    app.clinic.send()
    assert scrape(app)["infoline_texts", "opted_out", "skipped"] == 1


def test_the_metrics_contain_no_phone_number(app):
    app.clinic.import_rows(row(10, at(2, -1)))
    app.clinic.send()
    text = app.test_client().get("/metrics").text
    # Not "555" alone, which the commit in the metrics may contain.
    assert not any(number in text for number in ("5550110", "555-0110"))


def test_the_web_process_raises_an_alarm_when_the_clock_process_stops(content, tmp_path, monkeypatch):
    monkeypatch.setattr("ivr.web.health.WATCH_SECONDS", 0.05)
    with open_clinic(content, tmp_path) as clinic:
        for name, value in environment(tmp_path).items():
            monkeypatch.setenv(name, value)
        beat(clinic.ledger, NOW - timedelta(minutes=5))
        create_app(load())
        wait_for(lambda: {raised.name for raised in clinic.all(alarm)} == {Alarm.CLOCK_SILENT})
        beat(clinic.ledger, clock.now())
        wait_for(lambda: not clinic.all(alarm))


def test_the_web_process_raises_an_alarm_when_no_clock_process_was_ever_started(content, tmp_path, monkeypatch):
    monkeypatch.setattr("ivr.web.health.WATCH_SECONDS", 0.05)
    monkeypatch.setattr("ivr.reminders.outbox.monitor.FIRST_BEAT_WITHIN", timedelta(seconds=0.2))
    with open_clinic(content, tmp_path) as clinic:
        for name, value in environment(tmp_path).items():
            monkeypatch.setenv(name, value)
        create_app(load())
        wait_for(lambda: {raised.name for raised in clinic.all(alarm)} == {Alarm.CLOCK_SILENT})
