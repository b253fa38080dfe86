"""Bad input meets the real worker and a simulated carrier: its name, one alarm, nothing lost, nobody blamed."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from structlog.testing import capture_logs

from ivr import clock
from ivr.ledger.tables import alarm, person
from ivr.people.persons import get_or_create_persons
from ivr.reminders.alarms import Alarm
from ivr.reminders.outbox.monitor import watch
from ivr.reminders.outbox.on_demand import TextRequest, request_text
from ivr.reminders.reports.status import status
from tests.support.clinic import NOW, at, row
from tests.support.processes import environment
from worker import context, jobs

# Of the plan, only the text of two days before is due.
DUE = at(2, -1)
PEOPLE = range(10, 16)
ABROAD = "+15005550003"
"""A number that the carrier refuses as one of another country."""


@contextmanager
def answering(status: int, page: str = "<html><body>Sign in to the network</body></html>"):
    """Something on the way to the carrier that answers everything with a page."""

    class Page(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page.encode())

        do_GET = do_POST

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def working(clinic, network, monkeypatch, tmp_path):
    """Sets this process up as a worker's: working(settings, change of its words)."""
    opened = []

    def set_up(told, change=lambda content: content, public=None):
        here = {"TWILIO_API_URL": network.url, "PUBLIC_URL": network.line.url, "REDIS_URL": "redis://127.0.0.1:1"}
        quick = {"RETRY_SECONDS": 0.01, "RECONCILE_SECONDS": 1, "TWILIO_MESSAGING_SERVICE_SID": ""}
        for name, value in environment(tmp_path, **{**here, **quick, **told}).items():
            monkeypatch.setenv(name, value)
        context._context_of.cache_clear()
        one = context.job_context()
        one = replace(one, content=change(clinic.content), settings=one.settings.model_copy(update=public or {}))
        monkeypatch.setattr(jobs, "job_context", lambda: one)
        opened.append(one)
        return one

    yield set_up
    for one in opened:
        one.ledger.close()
    context._context_of.cache_clear()


def later(one, seconds):
    clock.set_shift(one.settings.clock_shift_seconds + seconds)


def states(clinic):
    return Counter(found.state for found in clinic.texts() if found.step == "2d")


def without_words(content):
    kept = {key: prompt for key, prompt in content.prompts.items() if key[1] != "reminder-2d"}
    return replace(content, prompts=kept, digest="0" * 12)


def emptied(content):
    prompt = content.prompts["en", "reminder-2d"]
    empty = replace(prompt, texted=replace(prompt.texted, words=" \n"))
    return replace(content, prompts={**content.prompts, ("en", "reminder-2d"): empty}, digest="0" * 12)


@dataclass(frozen=True)
class Bad:
    """One kind of bad input.

    settings: the worker's; public: those that a machine of one's own would refuse. page: the status with which a page
    answers in the carrier's place.
    """

    name: str
    alarm: Alarm
    reason: str | None
    state: str = "planned"
    settings: dict[str, str] = field(default_factory=dict)
    public: dict[str, str] | None = None
    page: int | None = None
    words: object = None


SERVICE = "TWILIO_MESSAGING_SERVICE_SID"
STOPPED, WORDLESS = Alarm.SENDING_STOPPED, Alarm.WORDS_MISSING
CASES = [
    Bad("a wrong token", STOPPED, "error_20003", settings={"TWILIO_AUTH_TOKEN": "wrong"}),
    Bad("an account that is not ours", STOPPED, "error_20003", settings={"TWILIO_ACCOUNT_SID": "AC" + "9" * 32}),
    Bad("a sender that is not ours", STOPPED, "error_21659", settings={"TWILIO_FROM": "+16035550177"}),
    Bad("a sender that cannot text", STOPPED, "error_21606", settings={"TWILIO_FROM": "+15005550007"}),
    Bad("a sender that is no number", STOPPED, "error_21212", settings={"TWILIO_FROM": "+15005550000"}),
    Bad("a service that is not ours", STOPPED, "error_21701", settings={SERVICE: "MG" + "9" * 32}),
    Bad("a service that cannot be", STOPPED, "error_21705", settings={SERVICE: "MG123"}),
    Bad("receipts to an address that is none", STOPPED, "error_21609", public={"public_url": "http://line.example"}),
    Bad("a page that forbids", STOPPED, "not_sent", page=403),
    Bad("a page that finds nothing", STOPPED, "not_sent", page=404),
    Bad("a page that leads elsewhere", STOPPED, "not_sent", page=302),
    Bad("a page of a broken proxy", Alarm.BACKLOG, "no_answer", state="uncertain", page=502),
    Bad("a page in place of an answer", Alarm.BACKLOG, "no_answer", state="uncertain", page=200),
    Bad("a page that says too fast", Alarm.BACKLOG, "not_sent", page=429),
    Bad("no carrier at all", Alarm.BACKLOG, "not_sent", settings={"TWILIO_API_URL": "http://127.0.0.1:1"}),
    Bad("words that are gone", WORDLESS, None, words=without_words),
    Bad("words that became empty", WORDLESS, None, words=emptied),
]  # fmt: skip


@pytest.mark.parametrize("bad", CASES, ids=[case.name for case in CASES])
def test_bad_input_raises_one_alarm_loses_nothing_and_blames_nobody(clinic, network, working, bad):
    clinic.take(*(row(number, DUE) for number in PEOPLE))
    with answering(bad.page or 200) as page:
        settings = {**({"TWILIO_API_URL": page} if bad.page else {}), **bad.settings}
        one = working(settings, bad.words or (lambda same: same), bad.public)
        with capture_logs() as told:
            for minutes in range(12):
                later(one, 60 * minutes)
                jobs.send_slice(500)
                jobs.reconcile_texts([found.id for found in clinic.texts()])
                watch(one.ledger, clock.now())
    raised = [line["name"] for line in told if line["event"] == "alarm_raised"]
    # Whatever stops the sending becomes a backlog too, in the end; each is told once.
    assert set(raised) - {Alarm.BACKLOG} == {bad.alarm} - {Alarm.BACKLOG}
    assert bad.alarm in {kept.name for kept in clinic.all(alarm)}
    assert max(Counter(raised).values()) == 1
    assert states(clinic).keys() <= {"planned", "claimed", "uncertain"}
    assert states(clinic)[bad.state] >= (1 if bad.reason else 0)
    assert {found.reason for found in clinic.texts() if found.step == "2d"} == ({bad.reason} if bad.reason else set())
    assert status(clinic.ledger)["texts"]["failed"] == 0
    assert not any(she.landline or she.opted_out_at for she in clinic.all(person))
    assert network.client().messages.list() == []

    right = working({})
    for minutes in range(15, 200, 15):
        later(right, 60 * minutes)
        jobs.reconcile_texts([found.id for found in clinic.texts()])
        jobs.send_slice(500)
    watch(right.ledger, clock.now())
    went_out = sorted(message.to for message in network.client().messages.list())
    assert went_out == [f"+160355501{number}" for number in PEOPLE]
    assert clinic.all(alarm) == []


def test_a_caller_from_another_country_does_not_keep_the_others_from_their_texts(clinic, network, working):
    clinic.take(*(row(number, DUE) for number in PEOPLE))
    one = working({})
    with clinic.ledger.write() as connection:
        get_or_create_persons(connection, clinic.vault, [ABROAD], NOW)
        for second, phone in enumerate((ABROAD, "+16035550150")):
            wish = TextRequest(phone, "cancer", "en", f"CA{second}")
            request_text(connection, clinic.vault, wish, NOW + timedelta(seconds=second))
    for minutes in range(0, 120, 3):
        later(one, 60 * minutes)
        jobs.send_slice(500)
    went_out = sorted(message.to for message in network.client().messages.list())
    assert went_out == [*(f"+160355501{number}" for number in PEOPLE), "+16035550150"]
    assert [found.state for found in clinic.texts() if found.step == "cancer"].count("failed") == 0
