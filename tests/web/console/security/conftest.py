"""A console in which every page has something to show."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from sqlalchemy import insert, update

from ivr.feeds.unread import settle_alarms
from ivr.ledger.tables import hl7_message, metadata
from ivr.line.content.loader import Content, read_content
from ivr.people.callbacks import CallbackRequest, save_callback
from ivr.people.inbound.unanswered import UnansweredLog, UnansweredQuestion
from ivr.people.work_items import add_work_item
from ivr.releases.store import publish_release
from ivr.staff.api_keys import add_api_key
from ivr.staff.users import Role, add_user
from ivr.web.console.context import live_line
from ivr.web.console.prompts.publishing import jobs
from ivr.web.console.prompts.publishing.jobs import CHANGE, Job, Jobs, Kind
from ivr.web.console.reminders.import_work import Desk
from ivr.web.console.reminders.uploads import Uploads
from tests.support.clinic import NOW, Clinic, at, csv_text, phone, row
from tests.web.console.conftest import Browser, Console, open_console, stop_clock
from tests.web.console.prompts.support import edit, form_of, send, voice
from tests.web.console.security.support import VALUES
from tests.web.console.work.support import unread_message

RECORDING = "/prompts/en/cancer/recordings/cancer-1"
# What requests change beside the database.
KEPT_FILES = ("doctor", "kept-forms", "kept-sounds", "prompt-jobs", "uploads")
INVITED, AUTHOR = 1, 2
"""The ids of the first users: one who has not signed in yet, and the nurse who has changed the draft."""


@dataclass(frozen=True)
class Filled:
    """A console with one of everything, and a copy of what it keeps. named: what only chance names."""

    console: Console
    named: dict[str, str]
    rows: sqlite3.Connection
    files: Path

    def restore(self) -> None:
        restore_rows(self.console, self.rows)
        for name in KEPT_FILES:
            folder = self.console.services.settings.var_dir / name
            shutil.rmtree(folder, ignore_errors=True)
            if (self.files / name).is_dir():
                shutil.copytree(self.files / name, folder)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, content: Content) -> Iterator[Filled]:
    """Filled once for all tests of a module: that takes longer than most of them."""
    folder, copied = tmp_path_factory.mktemp("full"), tmp_path_factory.mktemp("copied")
    with open_console(folder) as console:
        with pytest.MonkeyPatch.context() as patch:
            _without_surprises(patch)
            named = _fill(console, content, folder)
        for name in KEPT_FILES:
            if (folder / name).is_dir():
                shutil.copytree(folder / name, copied / name)
        yield Filled(console, named, copy_rows(console), copied)


def _without_surprises(patch: pytest.MonkeyPatch) -> None:
    """The time is NOW, and nothing is worked on beside the requests."""
    stop_clock(patch)
    patch.setattr(jobs, "run_process", lambda *_arguments: None)


@pytest.fixture
def full_console(filled: Filled, monkeypatch: pytest.MonkeyPatch) -> Console:
    """A console with one of everything, as if no test had used it. Nothing is worked on beside the requests.

    What only chance names, such as an upload, has its name in VALUES.
    """
    _without_surprises(monkeypatch)
    filled.restore()
    for name, value in filled.named.items():
        monkeypatch.setitem(VALUES, name, value)
    return filled.console


def copy_rows(console: Console) -> sqlite3.Connection:
    """A copy of the database, in memory."""
    saved = sqlite3.connect(":memory:", check_same_thread=False)
    with console.services.ledger.engine.connect() as connection:
        connection.connection.dbapi_connection.backup(saved)  # type: ignore[union-attr]
    return saved


def restore_rows(console: Console, saved: sqlite3.Connection) -> None:
    with sqlite3.connect(str(console.services.ledger.engine.url.database)) as connection:
        saved.backup(connection)
    connection.close()


def _fill(console: Console, content: Content, folder: Path) -> dict[str, str]:
    services = console.services
    Clinic(services.ledger, services.vault, content, folder).import_rows(row(1, at(10)), row(2, at(11)))
    with services.ledger.write() as connection:
        invitation = add_user(connection, "rosa@example.org", "Rosa Example", Role.SCHEDULER, NOW)
    _fill_work(console)
    _fill_prompts(console, content, console.browser("operator", "Ann Example"))
    upload = _uploaded(console)
    Jobs(services.settings.var_dir).start(CHANGE, Job(Kind.PUBLISH, AUTHOR, "Ann Example"))
    return {"token": invitation.token, "upload_id": upload}


def _fill_work(console: Console) -> None:
    services = console.services
    request = CallbackRequest("+16035550101", "es", "breast-health-center", None, "any", "CA1")
    with services.ledger.write() as connection:
        save_callback(connection, services.vault, request, NOW - timedelta(hours=1))
        add_work_item(connection, "change", 1, 1, NOW - timedelta(hours=1))
        add_api_key(connection, "scheduling", Role.SCHEDULER, NOW, None)
        connection.execute(update(metadata.tables["person"]).values(landline=True))
        connection.execute(insert(hl7_message).values(unread_message(services.vault)))
        settle_alarms(connection, NOW)


def _fill_prompts(console: Console, content: Content, nurse: Browser) -> None:
    """Two releases, and a draft in which English words changed and are recorded, and a question without an answer."""
    files = content.files
    earlier = {**files, "en/goodbye.md": files["en/goodbye.md"].replace(b"Take good care", b"Take care")}
    for release in (read_content(earlier), content):
        publish_release(console.services.ledger, release, NOW, "release", "", "folder")
    assert edit(nurse, "Once more", "Again", "/prompts/en/cancer").status_code == 303
    version = form_of(nurse.page("/prompts/en/cancer"), RECORDING)["version"]
    sound = {"version": version, "recording": [(BytesIO(voice()), "voice.wav")]}
    assert send(nurse, RECORDING, sound).status_code == 303
    log = UnansweredLog(console.services.ledger, console.services.vault)
    log.add(UnansweredQuestion(NOW - timedelta(hours=1), "text", "en", "is the machine loud"))
    log.close()


def _uploaded(console: Console) -> str:
    """The id of a file with a good row and a bad one, which has been read."""
    services = console.services
    uploads = Uploads(services.settings.var_dir, services.vault)
    rows = csv_text([row(3, at(12)), row(4, "yesterday", phone=phone(4))]).encode()
    upload = uploads.add("appointments.csv", rows, AUTHOR)
    with console.app.app_context():
        desk = Desk(services.settings, services.ledger, services.vault, live_line().content)
    desk.work(upload)
    return upload.id
