"""Calls from a phone to the line."""

from __future__ import annotations

from typing import Any

from simulator.account import Account
from simulator.scheduler import Scheduler
from simulator.voice.call import Call


def place_call(account: Account, _scheduler: Scheduler, caller: str, called: str) -> dict[str, Any]:
    """A phone calls a number; returns the first turn. caller: in E.164, or what Twilio shows for a hidden number."""
    call = Call(
        settings=account.settings,
        log_error=account.log_error,
        caller=caller,
        called=called,
        created=account.settings.now(),
    )
    with account.lock:
        account.calls[call.sid] = call
    return call.start(account.settings.voice_url())
