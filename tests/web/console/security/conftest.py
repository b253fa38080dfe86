from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import insert, update

from ivr.feeds.unread import settle_alarms
from ivr.ledger.tables import hl7_message, metadata
from ivr.line.content.loader import read_content, read_folder
from ivr.people.callbacks import CallbackRequest, save_callback
from ivr.people.work_items import add_work_item
from ivr.releases.store import publish_release
from ivr.staff.api_keys import add_api_key
from ivr.staff.users import Role
from ivr.web.console.prompts.publishing import jobs
from tests.support.clinic import NOW, Clinic, at, row
from tests.support.paths import ROOT
from tests.web.console.conftest import Console
from tests.web.console.work.support import unread_message


@pytest.fixture
def full_console(console: Console, clinic_for_commands: Clinic, monkeypatch: pytest.MonkeyPatch) -> Console:
    """A console with one of everything. Nothing is worked on beside the requests."""
    clinic, ledger = clinic_for_commands, console.services.ledger
    clinic.import_rows(row(1, at(10)), row(2, at(11)))
    publish_release(ledger, read_content(read_folder(ROOT / "prompts")), NOW, "release", "", "folder")
    request = CallbackRequest("+16035550101", "es", "breast-health-center", None, "any", "CA1")
    with ledger.write() as connection:
        save_callback(connection, console.services.vault, request, NOW - timedelta(hours=1))
        add_work_item(connection, "change", 1, 1, NOW - timedelta(hours=1))
        add_api_key(connection, "scheduling", Role.SCHEDULER, NOW, None)
        connection.execute(update(metadata.tables["person"]).values(landline=True))
        connection.execute(insert(hl7_message).values(unread_message(console.services.vault)))
        settle_alarms(connection, NOW)
    monkeypatch.setattr(jobs, "run_process", lambda *_arguments: None)
    return console
