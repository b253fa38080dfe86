"""The services that the request handlers of a web process share."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import cast

from flask import current_app

from ivr.ledger import Ledger, Vault
from ivr.ledger.breaker import CircuitBreaker
from ivr.ledger.spool import Spool
from ivr.people.calls.call_limit import CallLimit
from ivr.people.calls.call_log import CallLog
from ivr.people.calls.transfer_limit import TransferLimit
from ivr.people.inbound.answer_limit import AnswerLimit
from ivr.people.inbound.incoming import IncomingTextLog
from ivr.people.inbound.loops import LoopLimits
from ivr.people.inbound.unanswered import UnansweredLog
from ivr.people.profile import ProfileReader
from ivr.releases.cache import ReleaseCache
from ivr.settings import Settings
from ivr.web.call_tasks import CallTasks
from ivr.web.server.request_counts import RequestCounts


@dataclass(frozen=True)
class Services:
    settings: Settings
    ledger: Ledger
    vault: Vault
    releases: ReleaseCache
    calls: CallLog
    tasks: CallTasks
    texts: IncomingTextLog
    profiles: ProfileReader
    unanswered: UnansweredLog
    spool: Spool
    requests: RequestCounts
    answers: AnswerLimit
    call_limit: CallLimit
    transfer_limit: TransferLimit
    loop_limits: LoopLimits
    # Set at the end of the process: ends the threads that watch something.
    stopping: threading.Event
    # Whether a text may wait for a write to the database.
    writes: CircuitBreaker = field(default_factory=CircuitBreaker)

    def close(self) -> None:
        """End the background threads, after they have written what waits."""
        self.stopping.set()
        for writer in (self.calls, self.texts, self.unanswered):
            writer.close()


def services() -> Services:
    """Return the services of the app that handles this request."""
    return cast(Services, current_app.extensions["infoline"])
