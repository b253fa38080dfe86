"""Bad settings, content and responses with a real worker and a simulated carrier: one alarm, and no text is lost."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from structlog.testing import capture_logs

from ivr import clock
from ivr.ledger.tables import alarm, person
from ivr.people.persons import get_or_create_persons
from ivr.reminders.alarms import Alarm
from ivr.reminders.outbox.monitor import watch
from ivr.reminders.outbox.on_demand import TextRequest, request_text
from ivr.reminders.reports.status import batch_status
from tests.support.clinic import NOW, at, row
from tests.support.on_demand import LIMITS
from tests.support.processes import environment
from worker import context, jobs

pytestmark = pytest.mark.processes

# Only step 2d of the plan is due.
DUE = at(2, -1)
NUMBERS = range(10, 16)
ABROAD = "+15005550003"
"""A number that the carrier refuses because of its country."""


@contextmanager
def page_server(status: int, page: str = "<html><body>Sign in to the network</body></html>"):
    """A server in place of the carrier that answers every request with a web page."""

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
def set_up_worker(clinic, network, monkeypatch, tmp_path):
    """A function that makes this process a worker: set_up_worker(settings, change_content, unchecked)."""
    opened = []

    def set_up(settings, change_content=lambda content: content, unchecked=None):
        urls = {"TWILIO_API_URL": network.url, "PUBLIC_URL": network.line.url, "REDIS_URL": "redis://127.0.0.1:1"}
        quick = {"RETRY_SECONDS": 0.01, "RECONCILE_SECONDS": 1, "TWILIO_MESSAGING_SERVICE_SID": ""}
        for name, value in environment(tmp_path, **{**urls, **quick, **settings}).items():
            monkeypatch.setenv(name, value)
        context._context_of.cache_clear()
        started = context.job_context()
        changed_settings = started.settings.model_copy(update=unchecked or {})
        job_context = replace(started, content=change_content(clinic.content), settings=changed_settings)
        monkeypatch.setattr(jobs, "job_context", lambda: job_context)
        opened.append(job_context)
        return job_context

    yield set_up
    for job_context in opened:
        job_context.ledger.close()
    context._context_of.cache_clear()


def move_clock(job_context, seconds):
    clock.set_shift(job_context.settings.clock_shift_seconds + seconds)


def states(clinic):
    return Counter(text.state for text in clinic.texts() if text.step == "2d")


def remove_prompt(content):
    prompts = {key: prompt for key, prompt in content.prompts.items() if key[1] != "reminder-2d"}
    return replace(content, prompts=prompts, digest="0" * 12)


def empty_prompt(content):
    prompt = content.prompts["en", "reminder-2d"]
    empty = replace(prompt, texted=replace(prompt.texted, words=" \n"))
    return replace(content, prompts={**content.prompts, ("en", "reminder-2d"): empty}, digest="0" * 12)


@dataclass(frozen=True)
class Fault:
    """One kind of bad input.

    settings: the worker's. unchecked: settings that the startup check would refuse here. page: the HTTP status of a web
    page in place of the carrier. change_content: a change to the live content.
    """

    name: str
    alarm: Alarm
    reason: str | None
    state: str = "planned"
    settings: dict[str, str] = field(default_factory=dict)
    unchecked: dict[str, str] | None = None
    page: int | None = None
    change_content: object = None


SERVICE = "TWILIO_MESSAGING_SERVICE_SID"
STOPPED, NO_TEXT = Alarm.SENDING_STOPPED, Alarm.WORDS_MISSING
FAULTS = [
    Fault("a wrong token", STOPPED, "error_20003", settings={"TWILIO_AUTH_TOKEN": "wrong"}),
    Fault("an account that is not ours", STOPPED, "error_20003", settings={"TWILIO_ACCOUNT_SID": "AC" + "9" * 32}),
    Fault("a sender that is not ours", STOPPED, "error_21659", settings={"TWILIO_FROM": "+16035550177"}),
    Fault("a sender that cannot text", STOPPED, "error_21606", settings={"TWILIO_FROM": "+15005550007"}),
    Fault("a sender that is not a number", STOPPED, "error_21212", settings={"TWILIO_FROM": "+15005550001"}),
    Fault("a service that is not ours", STOPPED, "error_21701", settings={SERVICE: "MG" + "9" * 32}),
    Fault("an invalid service id", STOPPED, "error_21705", settings={SERVICE: "MG123"}),
    Fault("an unreachable receipt URL", STOPPED, "error_21609", unchecked={"public_url": "http://line.example"}),
    Fault("a page with status 403", STOPPED, "not_sent", page=403),
    Fault("a page with status 404", STOPPED, "not_sent", page=404),
    Fault("a redirect", STOPPED, "not_sent", page=302),
    Fault("a page with status 502", Alarm.BACKLOG, "no_answer", state="uncertain", page=502),
    Fault("a page with status 200", Alarm.BACKLOG, "no_answer", state="uncertain", page=200),
    Fault("a page with status 429", Alarm.BACKLOG, "not_sent", page=429),
    Fault("no carrier", Alarm.BACKLOG, "not_sent", settings={"TWILIO_API_URL": "http://127.0.0.1:1"}),
    Fault("a missing prompt", NO_TEXT, None, change_content=remove_prompt),
    Fault("an empty prompt", NO_TEXT, None, change_content=empty_prompt),
]  # fmt: skip


@pytest.mark.parametrize("is_new_machine", [False, True], ids=["", "on a new machine"])
@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
def test_a_fault_raises_one_alarm_and_no_text_is_lost_or_failed(clinic, network, set_up_worker, fault, is_new_machine):
    clinic.import_rows(*(row(number, DUE) for number in NUMBERS))
    if not is_new_machine:
        # A line that has sent before: a new machine tries no text while it cannot read the carrier's log.
        set_up_worker({})
        assert jobs.send_asked(1) == 0
    with page_server(fault.page or 200) as page_url:
        settings = {**({"TWILIO_API_URL": page_url} if fault.page else {}), **fault.settings}
        worker = set_up_worker(settings, fault.change_content or (lambda content: content), fault.unchecked)
        with capture_logs() as logged:
            for minutes in range(12):
                move_clock(worker, 60 * minutes)
                jobs.send_slice(500)
                jobs.reconcile_texts([text.id for text in clinic.texts()])
                watch(worker.ledger, clock.now())
    raised = [line["name"] for line in logged if line["event"] == "alarm_raised"]
    # Whatever stops sending causes a backlog too in the end; each alarm is logged once.
    # A log that is redirected cannot be read, which says nothing about our account.
    expected = Alarm.BACKLOG if is_new_machine and fault.page == HTTPStatus.FOUND else fault.alarm
    assert set(raised) - {Alarm.BACKLOG} == {expected} - {Alarm.BACKLOG}
    assert expected in {row.name for row in clinic.all(alarm)}
    assert max(Counter(raised).values()) == 1
    assert states(clinic).keys() <= {"planned", "claimed", "uncertain"}
    reasons = {text.reason for text in clinic.texts() if text.step == "2d"}
    if not (is_new_machine and not reasons):
        assert states(clinic)[fault.state] >= (1 if fault.reason else 0)
        assert reasons == ({fault.reason} if fault.reason else set())
    assert batch_status(clinic.ledger)["texts"]["failed"] == 0
    assert not any(row.landline or row.opted_out_at for row in clinic.all(person))
    assert network.client().messages.list() == []

    fixed = set_up_worker({})
    for minutes in range(15, 200, 15):
        move_clock(fixed, 60 * minutes)
        jobs.reconcile_texts([text.id for text in clinic.texts()])
        jobs.send_slice(500)
    watch(fixed.ledger, clock.now())
    went_out = sorted(message.to for message in network.client().messages.list())
    assert went_out == [f"+160355501{number}" for number in NUMBERS]
    assert clinic.all(alarm) == []


def test_a_request_from_a_refused_country_does_not_block_other_texts(clinic, network, set_up_worker):
    clinic.import_rows(*(row(number, DUE) for number in NUMBERS))
    worker = set_up_worker({})
    with clinic.ledger.write() as connection:
        get_or_create_persons(connection, clinic.vault, [ABROAD], NOW)
        for second, phone in enumerate((ABROAD, "+16035550150")):
            request = TextRequest(phone, "cancer", "en", f"CA{second}")
            request_text(connection, clinic.vault, request, NOW + timedelta(seconds=second), LIMITS)
    for minutes in range(0, 120, 3):
        move_clock(worker, 60 * minutes)
        jobs.send_slice(500)
    went_out = sorted(message.to for message in network.client().messages.list())
    assert went_out == [*(f"+160355501{number}" for number in NUMBERS), "+16035550150"]
    assert [text.state for text in clinic.texts() if text.step == "cancer"].count("failed") == 0
