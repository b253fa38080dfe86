"""Downloads are sent while they are read, on both databases, and a download that breaks off does not look complete."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, event, insert
from werkzeug.test import TestResponse

from ivr.ledger import Ledger, LedgerUnavailable
from ivr.ledger.tables import appointment, audit_entry
from ivr.line.content.loader import Content
from ivr.reminders.reports.export import CHUNK
from tests.support.clinic import NOW, Clinic, at, row
from tests.web.console.conftest import Console

ROWS = 3 * CHUNK + 17
Read = Callable[[], int]


@pytest.fixture
def console(console_on_each_database: Console) -> Console:
    return console_on_each_database


@pytest.fixture
def many(console: Console) -> Console:
    """An audit log of ROWS entries. Of each two, both have the same time."""
    with console.services.ledger.write() as connection:
        entries = [
            {"at": NOW - timedelta(seconds=n // 2), "actor": "=1+1", "kind": "signed_in", "details": "{}"}
            for n in range(ROWS)
        ]
        connection.execute(insert(audit_entry), entries)
    return console


@pytest.fixture
def slices_read(console: Console) -> Iterator[Read]:
    """How many slices of the audit log have been read from the database so far."""
    read: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "FROM audit_entry" in statement:
            read.append(statement)

    event.listen(console.services.ledger.engine, "before_cursor_execute", note)
    yield lambda: len(read)
    event.remove(console.services.ledger.engine, "before_cursor_execute", note)


def chunks(answer: TestResponse) -> Iterator[str]:
    return (chunk.decode() if isinstance(chunk, bytes) else chunk for chunk in answer.iter_encoded())


def test_the_first_rows_arrive_before_the_last_ones_are_read(many: Console, slices_read: Read) -> None:
    body = chunks(many.browser("admin").get("/settings/audit.csv?kind=signed_in"))
    arrived = [next(body)]
    assert (arrived[0].count("\r\n"), slices_read()) == (CHUNK + 1, 1)
    arrived.append(next(body))
    assert (arrived[1].count("\r\n"), slices_read()) == (CHUNK, 2)
    arrived += body
    assert max(chunk.count("\r\n") for chunk in arrived) == CHUNK + 1
    rows = list(csv.DictReader(io.StringIO("".join(arrived).removeprefix("\ufeff"))))
    assert [int(each["id"]) for each in rows] == [
        number + each for number in range(1, ROWS + 1, 2) for each in (1, 0) if number + each <= ROWS
    ]
    assert {each["who"] for each in rows} == {"'=1+1"}


def test_no_transaction_stays_open_while_a_slow_browser_reads(many: Console) -> None:
    body = chunks(many.browser("admin").get("/settings/audit.csv?kind=signed_in"))
    next(body)
    assert many.services.ledger.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    assert sum(chunk.count("\r\n") for chunk in body) == ROWS - CHUNK


def test_a_download_whose_database_fails_halfway_breaks_off(many: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    body = chunks(many.browser("admin").get("/settings/audit.csv?kind=signed_in"))
    next(body)

    def fail(_: Ledger) -> None:
        raise LedgerUnavailable("down")

    monkeypatch.setattr(Ledger, "read", fail)
    with pytest.raises(LedgerUnavailable):
        list(body)


def test_a_download_that_cannot_begin_is_a_page(many: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = many.browser("admin")
    export = "ivr.web.console.settings.audit_views._every_entry"

    def fail(*_: object) -> Iterator[None]:
        raise LedgerUnavailable("down")
        yield

    monkeypatch.setattr(export, fail)
    answer = browser.get("/settings/audit.csv")
    assert (answer.status_code, answer.mimetype) == (503, "text/html")


def test_an_empty_download_has_its_header(many: Console) -> None:
    text = many.browser("admin").get("/settings/audit.csv?kind=keys_rotated").get_data(as_text=True)
    assert text == "\ufeffid,at,who,kind,details\r\n"


def test_the_texts_of_a_batch_arrive_while_they_are_read(
    console: Console, content: Content, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ivr.reminders.reports.export.CHUNK", 4)
    clinic = Clinic(console.services.ledger, console.services.vault, content, tmp_path)
    batch = clinic.import_rows(*(row(number, at(10)) for number in range(1, 13))).batch
    answer = console.browser("scheduler").get(f"/reminders/batches/{batch}/texts.csv")
    body = chunks(answer)
    first = next(body)
    # What the database does not have any more cannot have been read before.
    with console.services.ledger.write() as connection:
        connection.execute(delete(appointment).where(appointment.c.appointment_id == "A12"))
    text = first + "".join(body)
    assert ("A1," in first, "A11," in text, "A12," in text) == (True, True, False)
