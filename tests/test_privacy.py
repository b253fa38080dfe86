"""Numbers, names and the words of texts stay out of every process's output, Redis, and the files of the line.

test_privacy_of_feeds.py does the same for feeds, uploads, the API, and commands.
"""

from __future__ import annotations

import re
import threading
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import insert

from ivr import queues
from ivr.ledger.tables import batch, person
from ivr.line.callflow.states import EnterNumber
from tests.support.clinic import NOW, Clinic, at, row
from tests.support.processes import Processes, wait_until
from tests.support.stored import back_up, stored, without_database
from tests.support.webhooks import post, state_that_sends_a_text
from tests.worker.test_processes import responds

pytestmark = pytest.mark.processes

PATIENT, CALLER, KEYED, STRANGER = "6035550177", "6035550178", "6035550179", "6035550180"
NAME, BODY, SPEECH, EVIDENCE = "Zephyrine", "my quokka ate the letter", "a walrus told me so", "STOP says Ondine"
# As a person, a program, or a URL writes them.
BETWEEN = r"(?:%[0-9A-F]{2}|\D){0,4}"
SECRETS = [
    *(
        re.compile(rf"{number[:3]}{BETWEEN}{number[3:6]}{BETWEEN}{number[6:]}".encode())
        for number in (PATIENT, CALLER, KEYED, STRANGER)
    ),
    *(re.compile(word.encode(), re.IGNORECASE) for word in (NAME, "quokka", "walrus", "ondine")),
]


def leaks(data: bytes) -> list[bytes]:
    return [pattern.pattern for pattern in SECRETS if pattern.search(data)]


def expanded(command: str) -> bytes:
    """A command as it was sent, followed by what it contains in compressed form, as jobs do."""
    data = command.encode().decode("unicode_escape").encode("latin-1", "replace")
    parts = [data]
    for start in re.finditer(rb"x\x9c", data):
        with suppress(zlib.error):
            parts.append(zlib.decompressobj().decompress(data[start.start() :]))
    return b"\n".join(parts)


class Monitor:
    """Everything that is sent to the queue server, until the end."""

    def __init__(self, url: str) -> None:
        self.commands: list[str] = []
        self._connection = Redis.from_url(url, socket_timeout=None)
        started = threading.Event()
        threading.Thread(target=self._listen, args=(started,), daemon=True).start()
        assert started.wait(10)

    def _listen(self, started: threading.Event) -> None:
        # Until the server ends.
        with suppress(*queues.UNAVAILABLE), self._connection.monitor() as monitor:
            started.set()
            for command in monitor.listen():
                self.commands.append(command["command"])


@pytest.fixture
def clinic(clinic_on_each_database) -> Clinic:
    return clinic_on_each_database


@pytest.fixture
def processes(clinic, ledger_url, queue_url) -> Iterator[Processes]:
    timings = {"LEASE_SECONDS": 4, "RECONCILE_SECONDS": 0.2, "RETRY_SECONDS": 0.2, "WEB_WORKERS": 2}
    opened = Processes(clinic, queue_url, DATABASE_URL=ledger_url, **timings)
    yield opened
    opened.end()


def texts_come_in(processes: Processes, kind: str) -> None:
    """kind: makes the ids of the texts differ between calls."""
    base = processes.env["PUBLIC_URL"]
    for number, body in enumerate(
        (BODY, EVIDENCE, "START", f"call me at {KEYED}", "chest pain", "C", "R", "wrong number")
    ):
        fields = {"From": f"+1{CALLER}", "To": "+16035550100", "Body": body, "MessageSid": f"SM{kind}{number:030d}"}
        assert post(base, "/sms", fields)[0] == 200


def a_call_comes_in(processes: Processes, line, call: str) -> None:
    """The caller asks, keys in a number, and has a text sent."""
    base = processes.env["PUBLIC_URL"]
    fields = {"From": f"+1{CALLER}", "To": "+16035550100", "CallSid": call}
    state, key = state_that_sends_a_text(line)
    enters_number = next(token for token, state in line.states.items() if isinstance(state.node, EnterNumber))
    turns = [
        ("/voice", {}),
        (f"/voice/{line.digest}/en.menu-welcome", {"SpeechResult": SPEECH}),
        (f"/voice/{line.digest}/{enters_number}", {"Digits": KEYED}),
        (f"/voice/{line.digest}/{state.token}", {"Digits": key}),
        ("/receipts/call/incoming", {"CallStatus": "completed"}),
    ]
    for path, more in turns:
        assert post(base, path, {**fields, **more})[0] in (200, 204)


def errors_happen(processes: Processes) -> None:
    base = processes.env["PUBLIC_URL"]
    fields = {"From": f"+1{STRANGER}", "To": "+16035550100", "Body": BODY, "MessageSid": "SM" + "9" * 32}
    assert post(base, "/sms", fields, token="forged")[0] == 403
    assert post(base, f"/voice/none/+1{STRANGER}", fields)[0] == 200
    assert post(base, f"/receipts/text/+1{STRANGER}", {**fields, "MessageStatus": "delivered"})[0] == 404
    assert post(base, f"/sms/+1{STRANGER}", fields)[0] == 404
    assert post(base, "/sms", {**fields, **{f"+1{STRANGER}{n}": BODY for n in range(2000)}})[0] in (400, 413)


def test_nothing_personal_leaves_the_encrypted_columns_even_when_things_break(
    clinic, line, processes, ledger_url, queue_url, tmp_path: Path
):
    monitor = Monitor(queue_url)
    processes.start("-m", "ivr.cli", "web")
    processes.start("-m", "worker")
    processes.start("-m", "worker", "clock")
    wait_until(lambda: responds(processes.env["PUBLIC_URL"] + "/healthz"))
    clinic.import_rows(row(10, at(2, -1), phone=f"+1{PATIENT}", first_name=NAME))
    wait_until(lambda: {text.state for text in clinic.texts() if text.step == "2d"} == {"delivered"})
    texts_come_in(processes, "1")
    a_call_comes_in(processes, line, "CA" + "1" * 32)
    wait_until(lambda: {text.state for text in clinic.texts() if text.asked_in} == {"delivered"})
    errors_happen(processes)
    # Refusals are counted, and logged once a second.
    wait_until(lambda: '"requests_refused"' in processes.outputs())

    # Without a carrier, a text becomes uncertain, and is looked up by its number.
    processes.kill(processes._started[0])
    clinic.import_rows(row(11, at(2, -1), phone=f"+1{STRANGER}", first_name=NAME), name="more.csv")
    wait_until(lambda: any(text.looks or text.tries for text in clinic.texts("A11")))

    # Without a database, writes are spooled, and jobs fail.
    processes.kill(processes._started[1])
    with without_database(ledger_url):
        processes.start("-m", "ivr.cli", "web")
        wait_until(lambda: responds(processes.env["PUBLIC_URL"] + "/healthz"))
        texts_come_in(processes, "2")
        a_call_comes_in(processes, line, "CA" + "2" * 32)
        spooled = [path for path in (tmp_path / "var" / "kept").iterdir() if not path.name.startswith(".")]
        assert spooled
        processes.end()
    back_up(processes)

    events = processes.outputs().replace(processes.output(0), "")
    for event in ("text_requested", "job_finished", "requests_refused", "write_spooled", "call_task_failed"):
        assert f'"{event}"' in events, event
    for number in range(1, len(processes._started)):
        assert leaks(processes.output(number).encode()) == [], processes._started[number].args
    sent = b"\n".join(map(expanded, monitor.commands))
    assert b"worker.jobs.send_asked" in sent
    assert leaks(sent) == []
    kept = stored(tmp_path, "infoline.db*")
    assert any("/database." in path for path in kept)
    assert {path: found for path, data in kept.items() if (found := leaks(data))} == {}


def test_the_search_finds_what_is_stored_without_encryption(clinic, processes, tmp_path: Path) -> None:
    with clinic.ledger.write() as connection:
        connection.execute(insert(person).values(phone_hash="h", phone_sealed=PATIENT.encode(), created_at=NOW))
        connection.execute(insert(batch).values(filename=f"{NAME}.csv", created_at=NOW))
    (database,) = back_up(processes).glob("database.*")
    found = leaks(stored(tmp_path)[str(database)])
    assert [word for word in (PATIENT, NAME) if leaks(word.encode())[0] in found] == [PATIENT, NAME]


def test_the_search_finds_what_it_searches_for() -> None:
    for text in ("to +16035550177", "(603) 555-0178", "603%20555%200179", "Quokka", "OLD WALRUS"):
        assert leaks(f"… {text} …".encode()), text
