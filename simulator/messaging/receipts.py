"""The delivery of a text after Twilio has accepted it, and the signed receipts about it.

https://www.twilio.com/docs/messaging/guides/track-outbound-message-status: receipts arrive in any order, twice, or
never; the status of the text itself only advances.
"""

from dataclasses import dataclass
from datetime import datetime

from simulator.account import Account, Text
from simulator.numbers import TextOutcome
from simulator.resource import API_VERSION
from simulator.rest.errors import DELIVERY_ERRORS
from simulator.scheduler import Scheduler
from simulator.webhook import NoAnswer, post_receipt


@dataclass(frozen=True)
class Receipt:
    """One reported status."""

    status: str
    error: int | None = None


def status_sequence(outcome: TextOutcome, service: bool) -> list[Receipt]:
    """The statuses after the initial one, in order. service: sent through a messaging service."""
    first = ["queued", "sending"] if service else ["sending"]
    middle = [] if outcome.last in ("failed", "sent") else ["sent"]
    return [*map(Receipt, first + middle), Receipt(outcome.last, outcome.error)]


def receipts_by_step(account: Account, outcome: TextOutcome, statuses: list[Receipt]) -> list[list[Receipt]]:
    """For each status change, the receipts that are posted at that time."""
    fault = account.fault_injector.for_receipts()
    if outcome.receipts == "none" or fault == "never":
        return [[] for _ in statuses]
    if outcome.receipts == "reversed":
        return [[] for _ in statuses[:-1]] + [list(reversed(statuses))]
    if fault == "shuffled":
        return [[receipt] for receipt in account.fault_injector.shuffled(statuses)]
    return [[receipt] * (2 if fault == "doubled" else 1) for receipt in statuses]


def deliver(account: Account, scheduler: Scheduler, text: Text) -> None:
    """Start the delivery of a text; each status change takes `receipt_seconds`."""
    outcome = account.outcome_for(text.to)
    statuses = status_sequence(outcome, text.service is not None)
    receipts = receipts_by_step(account, outcome, statuses)

    def advance(step: int) -> None:
        account.set_status(text, statuses[step].status, statuses[step].error)
        if receipts[step] and text.callback:
            scheduler.submit(lambda: post_in_order(account, text, receipts[step]))
        if step + 1 < len(statuses):
            scheduler.call_later(account.settings.receipt_seconds, lambda: advance(step + 1))

    scheduler.call_later(account.settings.receipt_seconds, lambda: advance(0))


def deliver_at(account: Account, scheduler: Scheduler, text: Text, moment: datetime) -> None:
    """Deliver a scheduled text at its time, unless it has been canceled or deleted by then."""

    def start() -> None:
        with account.lock:
            if text.status != "scheduled":
                return
            account.set_status(text, "accepted")
        deliver(account, scheduler, text)

    scheduler.call_later((moment - account.settings.now()).total_seconds(), start)


def cancel(account: Account, scheduler: Scheduler, text: Text) -> None:
    """Cancel a scheduled text, and report it."""
    account.set_status(text, "canceled")
    if text.callback:
        scheduler.submit(lambda: post(account, text, Receipt("canceled")))


def post_in_order(account: Account, text: Text, receipts: list[Receipt]) -> None:
    for receipt in receipts:
        post(account, text, receipt)


def post(account: Account, text: Text, receipt: Receipt) -> None:
    """Post one receipt to the line, without retries; a failure goes to the account's debugger."""
    if text.callback is None:
        return
    params = {
        "AccountSid": account.settings.account_sid,
        "ApiVersion": API_VERSION,
        "From": text.sender,
        "MessageSid": text.sid,
        "MessageStatus": receipt.status,
        "SmsSid": text.sid,
        "SmsStatus": receipt.status,
        "To": text.to,
    }
    if text.service:
        params["MessagingServiceSid"] = text.service
    if receipt.error:
        params |= {"ErrorCode": str(receipt.error), "ErrorMessage": DELIVERY_ERRORS.get(receipt.error, "")}
    try:
        status = post_receipt(account.origin, text.callback, params)
    except NoAnswer as error:
        account.log_error(error.code, text.callback, str(error))
        return
    if status >= 400:
        account.log_error(11200, text.callback, f"The line answered {status} to a receipt.")
