"""What the doors of a web process share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import current_app

from ivr.ledger import Ledger, Vault
from ivr.people.calls.call_log import CallLog
from ivr.people.inbound.incoming import IncomingTexts
from ivr.people.inbound.unanswered import Unanswered
from ivr.people.profile import Knowledge
from ivr.people.spool import Kept
from ivr.releases.cache import Shelf
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
