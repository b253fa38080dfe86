"""/metrics: access, and the values reported."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ivr import clock, create_app
from ivr.ledger import Ledger, LedgerUnavailable
from ivr.ledger.tables import alarm
from ivr.reminders.alarms import Alarm, raise_alarm
from ivr.reminders.outbox.monitor import beat
from ivr.settings import load
from tests.support.clinic import NOW, at, open_clinic, row
from tests.support.network import wait_for
from tests.support.processes import environment

TOKEN = "a-long-token"


@pytest.fixture
def app(content, tmp_path, monkeypatch):
    with open_clinic(content, tmp_path) as clinic:
        for name, value in environment(tmp_path, METRICS_TOKEN=TOKEN, REDIS_URL="redis://127.0.0.1:1").items():
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
        ("192.0.2.7", {"Authorization": f"Bearer {TOKEN}"}, 200),
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
    [({}, 403), ({"Authorization": f"Bearer {TOKEN}"}, 200), ({"Authorization": "Bearer x"}, 403)],
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
    assert metrics["infoline_texts", "handed_over"] == 3
    assert metrics["infoline_texts", "delivered"] == 0
    assert {name: metrics["infoline_alarm", name] for name in Alarm} == {**dict.fromkeys(Alarm, 0), Alarm.BACKLOG: 1}
    assert (metrics["infoline_ledger_up",], metrics["infoline_queue_up",]) == (1, 0)
    assert 0 <= metrics["infoline_clock_age_seconds",] < 60
    assert metrics["infoline_release_info", clinic.content.digest] == 1


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
    assert after["infoline_texts", "handed_over"] == 1
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


def test_the_metrics_contain_no_phone_number(app):
    app.clinic.import_rows(row(10, at(2, -1)))
    app.clinic.send()
    assert "555" not in app.test_client().get("/metrics").text


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
