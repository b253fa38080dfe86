"""What happens to a text after Twilio took it, step by step, and the signed receipts that tell of it.

https://www.twilio.com/docs/messaging/guides/track-outbound-message-status: receipts come in any order,
twice, or never; the status of the text itself only moves forward.
"""

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue

from simulator.account import Account, Text
from simulator.errors import LATER_ERRORS
from simulator.numbers import Fate, text_fate
from simulator.resource import API_VERSION
from simulator.webhook import NoAnswer, tell

POSTERS = 8


class Postman:
    """Runs things later: one thread keeps the time, `POSTERS` threads do what takes long. All end with
    the process.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._work: SimpleQueue[Callable[[], None]] = SimpleQueue()
        threading.Thread(target=self._keep_time, name="postman", daemon=True).start()
        for number in range(POSTERS):
            threading.Thread(target=self._post, name=f"poster-{number}", daemon=True).start()

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Run a short action in about `seconds`; it must not wait for anything."""
        with self._changed:
            heapq.heappush(self._waiting, (time.monotonic() + seconds, next(self._numbers), action))
            self._changed.notify()

    def soon(self, action: Callable[[], None]) -> None:
        """Run an action that may wait for the line."""
        self._work.put(action)

    def _keep_time(self) -> None:
        while True:
            with self._changed:
                while not self._waiting or self._waiting[0][0] > time.monotonic():
                    wait = self._waiting[0][0] - time.monotonic() if self._waiting else None
                    self._changed.wait(wait)
                action = heapq.heappop(self._waiting)[2]
            action()

    def _post(self) -> None:
        while True:
            self._work.get()()


@dataclass(frozen=True)
class Receipt:
    """One status as it is told."""

    status: str
    error: int | None = None


def journey(fate: Fate, service: bool) -> list[Receipt]:
    """The statuses after the first one, in their order."""
    start = ["queued", "sending"] if service else ["sending"]
    middle = [] if fate.last in ("failed", "sent") else ["sent"]
    return [*map(Receipt, start + middle), Receipt(fate.last, fate.error)]


def told(account: Account, fate: Fate, steps: list[Receipt]) -> list[list[Receipt]]:
    """For each step, the receipts that are posted at that moment."""
    mishap = account.mishaps.for_receipts()
    if fate.receipts == "none" or mishap == "never":
        return [[] for _ in steps]
    if fate.receipts == "reversed":
        return [[] for _ in steps[:-1]] + [list(reversed(steps))]
    if mishap == "shuffled":
        return [[receipt] for receipt in account.mishaps.shuffled(steps)]
    return [[receipt] * (2 if mishap == "doubled" else 1) for receipt in steps]


def send_on_its_way(account: Account, postman: Postman, text: Text) -> None:
    """Begin a text's journey; every step takes `receipt_seconds`."""
    fate = text_fate(text.to)
    steps = journey(fate, text.service is not None)
    posts = told(account, fate, steps)

    def step(number: int) -> None:
        account.move(text, steps[number].status, steps[number].error)
        if posts[number] and text.callback:
            postman.soon(lambda: post_all(account, text, posts[number]))
        if number + 1 < len(steps):
            postman.later(account.settings.receipt_seconds, lambda: step(number + 1))

    postman.later(account.settings.receipt_seconds, lambda: step(0))


def post_all(account: Account, text: Text, receipts: list[Receipt]) -> None:
    """One after the other, so that the order is the one that was meant."""
    for receipt in receipts:
        post(account, text, receipt)


def post(account: Account, text: Text, receipt: Receipt) -> None:
    """Tell the line of one status; a failure goes to the account's debugger, and nothing is repeated."""
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
        params |= {"ErrorCode": str(receipt.error), "ErrorMessage": LATER_ERRORS.get(receipt.error, "")}
    try:
        status = tell(account.settings.auth_token, text.callback, params)
    except NoAnswer as trouble:
        account.trouble(trouble.code, text.callback, str(trouble))
        return
    if status >= 400:
        account.trouble(11200, text.callback, f"The line answered {status} to a receipt.")
