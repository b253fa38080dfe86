"""/metrics: who may ask, and what it tells."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ivr import clock, create_app
from ivr.ledger import open_ledger
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


def figures(app, **more):
    told = app.test_client().get("/metrics", **more)
    assert told.status_code == 200
    families = text_string_to_metric_families(told.text)
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
def test_only_this_machine_or_the_token_is_told(app, address, headers, status):
    asked = app.test_client().get("/metrics", headers=headers, environ_base={"REMOTE_ADDR": address})
    assert asked.status_code == status


def test_it_tells_where_the_texts_are_which_alarms_stand_and_what_is_away(app):
    clinic = app.clinic
    clinic.take(row(10, at(2, -1)), row(11, at(2, -1)), row(12, at(2, -1)))
    clinic.send()
    beat(clinic.ledger, NOW)
    with clinic.ledger.write() as connection:
        raise_alarm(connection, Alarm.BACKLOG, NOW, "…")
    told = figures(app)
    assert told["infoline_texts", "handed_over"] == 3
    assert told["infoline_texts", "delivered"] == 0
    assert {name: told["infoline_alarm", name] for name in Alarm} == {**dict.fromkeys(Alarm, 0), Alarm.BACKLOG: 1}
    assert (told["infoline_ledger_up",], told["infoline_queue_up",]) == (1, 0)
    assert 0 <= told["infoline_clock_age_seconds",] < 60
    assert told["infoline_release_info", clinic.content.digest] == 1


def test_with_the_ledger_away_it_says_so_and_still_answers(app, monkeypatch):
    here = app.extensions["infoline"]
    monkeypatch.setitem(app.extensions, "infoline", replace(here, ledger=open_ledger("sqlite:////dev/null/at/all.db")))
    told = figures(app)
    assert told["infoline_ledger_up",] == 0
    assert not any(name[0] == "infoline_texts" for name in told)


def test_nothing_personal_is_told(app):
    app.clinic.take(row(10, at(2, -1)))
    app.clinic.send()
    assert "555" not in app.test_client().get("/metrics").text


def test_the_web_process_notices_that_the_clock_process_fell_silent(content, tmp_path, monkeypatch):
    monkeypatch.setattr("ivr.web.health.WATCH_SECONDS", 0.05)
    with open_clinic(content, tmp_path) as clinic:
        for name, value in environment(tmp_path).items():
            monkeypatch.setenv(name, value)
        beat(clinic.ledger, NOW - timedelta(minutes=5))
        create_app(load())
        wait_for(lambda: {one.name for one in clinic.all(alarm)} == {Alarm.CLOCK_SILENT})
        beat(clinic.ledger, clock.now())
        wait_for(lambda: not clinic.all(alarm))
