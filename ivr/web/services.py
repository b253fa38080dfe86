"""What the doors of a web process share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import current_app

from ivr.ledger import Ledger, Vault
from ivr.people.call_log import CallLog
from ivr.people.incoming import IncomingTexts
from ivr.people.kept import Kept
from ivr.people.known import Knowledge
from ivr.people.unanswered import Unanswered
from ivr.releases.shelf import Shelf
from ivr.settings import Settings
from ivr.web.call_tasks import CallTasks


@dataclass(frozen=True)
class Services:
    settings: Settings
    ledger: Ledger
    vault: Vault
    shelf: Shelf
    calls: CallLog
    tasks: CallTasks
    texts: IncomingTexts
    known: Knowledge
    unanswered: Unanswered
    kept: Kept


def services() -> Services:
    """The services of the app that handles this request."""
    return cast(Services, current_app.extensions["infoline"])
