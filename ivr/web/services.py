"""What the doors of a web process share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import current_app

from ivr.ledger import Ledger, Vault
from ivr.people.calls.call_log import CallLog
from ivr.people.inbound.incoming import IncomingTextLog
from ivr.people.inbound.unanswered import UnansweredLog
from ivr.people.profile import ProfileReader
from ivr.people.spool import Spool
from ivr.releases.cache import ReleaseCache
from ivr.settings import Settings
from ivr.web.call_tasks import CallTasks


@dataclass(frozen=True)
class Services:
    settings: Settings
    ledger: Ledger
    vault: Vault
    shelf: ReleaseCache
    calls: CallLog
    tasks: CallTasks
    texts: IncomingTextLog
    known: ProfileReader
    unanswered: UnansweredLog
    kept: Spool


def services() -> Services:
    """The services of the app that handles this request."""
    return cast(Services, current_app.extensions["infoline"])
