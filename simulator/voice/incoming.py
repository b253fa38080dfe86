"""Calls to a number of the account, with the webhooks that the number has at that moment."""

from __future__ import annotations

from typing import Any

from simulator.account import Account
from simulator.scheduler import Scheduler
from simulator.voice.call import Call
from simulator.voice.progress import Progress


def place_call(account: Account, scheduler: Scheduler, caller: str, called: str) -> dict[str, Any]:
    """A phone calls a number; returns the first turn. caller: in E.164, or what Twilio shows for a hidden number."""
    number = account.number(called)
    callback = number.webhook("status_callback")
    call = Call(
        account=account,
        scheduler=scheduler,
        caller=caller,
        called=called,
        created=account.settings.now(),
        fallback=number.webhook("voice_fallback_url"),
        progress=None if callback is None else Progress(callback),
    )
    with account.lock:
        account.calls[call.sid] = call
    voice = number.webhook("voice_url")
    if voice is None:
        call.leg.fail(21205, f"The number {number.friendly_name} has no VoiceUrl.")
        with call.lock:
            return call.turn()
    return call.start(voice.url, voice.method)
