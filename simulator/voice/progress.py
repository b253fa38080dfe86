"""Status callbacks of a call: https://www.twilio.com/docs/voice/api/call-resource#statuscallback"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.webhook import NoAnswer, Webhook, send

if TYPE_CHECKING:
    from simulator.account import Account
    from simulator.scheduler import Scheduler
    from simulator.voice.call import Call
    from simulator.voice.dialed import DialedCall

# https://www.twilio.com/docs/api/errors/15003, a warning
CALLBACK_REFUSED = 15003
EVENTS = ("initiated", "ringing", "answered", "completed")


@dataclass
class Progress:
    """Where the events of one call are posted. sent: how many so far."""

    webhook: Webhook
    events: tuple[str, ...] = ("completed",)
    sent: int = 0


def report(call: Call | DialedCall, event: str, status: str) -> None:
    """Post a change of the call's status, if its callback asks for this event."""
    progress = call.progress
    if progress is None or event not in progress.events:
        return
    params = {
        **call.params(),
        "CallStatus": status,
        "CallbackSource": "call-progress-events",
        "SequenceNumber": str(progress.sent),
        "Timestamp": call.settings.now().strftime("%a, %d %b %Y %H:%M:%S +0000"),
    }
    if event == "completed":
        params |= {"CallDuration": str(call.seconds), "Duration": str(-(-call.seconds // 60))}
    progress.sent += 1
    notify(call.account, call.scheduler, progress.webhook, params, "the status callback of a call", CALLBACK_REFUSED)


def notify(
    account: Account, scheduler: Scheduler, webhook: Webhook, params: Mapping[str, str], what: str, code: int = 11200
) -> None:
    """Post an event in the background. Its answer is ignored; a failure goes to the debugger.

    code: of a status of 400 or more.
    """

    def post() -> None:
        try:
            answer = send(account.origin, webhook.method, webhook.url, params)
        except NoAnswer as error:
            account.log_error(error.code, webhook.url, str(error))
            return
        if answer.status >= 400:
            log = account.log_warning if code == CALLBACK_REFUSED else account.log_error
            log(code, webhook.url, f"The line answered {answer.status} to {what}.")

    scheduler.submit(post)
