"""A console in which every page has something to show."""

from __future__ import annotations

from datetime import timedelta
from io import BytesIO

import pytest
from sqlalchemy import insert, update

from ivr.feeds.unread import settle_alarms
from ivr.ledger.tables import hl7_message, metadata
from ivr.line.content.loader import read_content, read_folder
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
from tests.support.paths import ROOT
from tests.web.console.conftest import Browser, Console
from tests.web.console.prompts.support import edit, form_of, send, voice
from tests.web.console.security.support import VALUES
from tests.web.console.work.support import unread_message

RECORDING = "/prompts/en/cancer/recordings/cancer-1"
INVITED, AUTHOR = 1, 2
"""The ids of the first users: one who has not signed in yet, and the nurse who has changed the draft."""


@pytest.fixture
def full_console(console: Console, clinic_for_commands: Clinic, monkeypatch: pytest.MonkeyPatch) -> Console:
    """A console with one of everything. Nothing is worked on beside the requests.

    What only chance names, such as an upload, has its name in VALUES.
    """
    clinic_for_commands.import_rows(row(1, at(10)), row(2, at(11)))
    monkeypatch.setattr(jobs, "run_process", lambda *_arguments: None)
    with console.services.ledger.write() as connection:
        invitation = add_user(connection, "rosa@example.org", "Rosa Example", Role.SCHEDULER, NOW)
    monkeypatch.setitem(VALUES, "token", invitation.token)
    _fill_work(console)
    _fill_prompts(console, console.browser("operator", "Ann Example"))
    monkeypatch.setitem(VALUES, "upload_id", _uploaded(console))
    Jobs(console.services.settings.var_dir).start(CHANGE, Job(Kind.PUBLISH, AUTHOR, "Ann Example"))
    return console


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


def _fill_prompts(console: Console, nurse: Browser) -> None:
    """Two releases, and a draft in which English words changed and are recorded, and a question without an answer."""
    files = read_folder(ROOT / "prompts")
    earlier = {**files, "en/goodbye.md": files["en/goodbye.md"].replace(b"Take good care", b"Take care")}
    for release in (earlier, files):
        publish_release(console.services.ledger, read_content(release), NOW, "release", "", "folder")
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
