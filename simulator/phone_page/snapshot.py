"""A phone as JSON: its call, its texts, and the webhooks about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simulator.account import Account, Text
from simulator.exchange_log import Exchange, Subject
from simulator.phone_page import switches
from simulator.phone_page.advice import REFERENCE, advice
from simulator.phone_page.call_json import call_json
from simulator.phone_page.handsets import Handsets
from simulator.phone_page.speech import has_voice
from simulator.phone_page.twiml_text import pretty, state_after, state_before
from simulator.rest.errors import DELIVERY_ERRORS
from simulator.voice.call import Call

TEXTS, EXCHANGES_SHOWN, THREADS = 200, 60, 30


@dataclass(frozen=True)
class Snapshot:
    """Reads the state of an account for the page."""

    account: Account
    handsets: Handsets

    def phone(self, number: str) -> dict[str, Any]:
        account = self.account
        now = switches.local_time(account)
        call = self.latest_call(number)
        with account.lock:
            texts = list(account.threads.get(number, ()))
        newest = self.exchanges(number, 0)
        return {
            "phone": number,
            "line": account.settings.sender,
            "time": f"{now:%a %d %b %H:%M}",
            "shifted": abs(account.settings.clock.seconds) > 1,
            "can_shift": account.settings.clock_file is not None,
            "voice": has_voice(),
            "failure": switches.failure_of(account, number),
            "too_many": switches.refuses_too_many(account),
            "call": None if call is None else self.call(call),
            "texts": [_text(text, account) for text in texts[-TEXTS:]],
            "threads": self._threads(number),
            "exchange": max((each.revision for each in newest), default=0),
        }

    def latest_call(self, number: str) -> Call | None:
        """The newest call of a phone, in either direction."""
        return next(reversed(self._calls(number)), None)

    def _calls(self, number: str) -> list[Call]:
        """The calls of a phone, oldest first, also those that it made with its number hidden."""
        with self.account.lock:
            calls = list(self.account.calls.values())
        owned = self.handsets.callers
        return [
            call
            for call in calls
            if owned.get(call.sid, call.caller if call.direction == "inbound" else call.called) == number
        ]

    def call(self, call: Call) -> dict[str, Any]:
        actions = list(self.handsets.actions.get(call.sid, []))
        return call_json(call, actions, self.account.settings.contacts)

    def exchanges(self, number: str, after: int) -> list[Exchange]:
        """The webhooks about a phone, oldest first: about its number, or about one of its calls.

        after: only those that are newer than this revision, or got a fault since.
        """
        owned = {call.sid for call in self._calls(number)}

        def concerns(subject: Subject) -> bool:
            return number in subject.numbers or not owned.isdisjoint(subject.calls)

        return self.account.exchanges.after(after, concerns)[-EXCHANGES_SHOWN:]

    def _threads(self, own: str) -> list[dict[str, Any]]:
        """The conversations of the account, newest first, with this phone's even if it is empty."""
        with self.account.lock:
            threads = [(number, texts[-1]) for number, texts in self.account.threads.items() if texts]
        threads.sort(key=lambda thread: thread[1].created, reverse=True)
        shown = [{"number": number, "last": text.body[:60]} for number, text in threads[:THREADS]]
        return shown if any(each["number"] == own for each in shown) else [{"number": own, "last": ""}, *shown]


def _text(text: Text, account: Account) -> dict[str, Any]:
    return {
        "sid": text.sid,
        "mine": text.direction == "inbound",
        "body": text.body,
        "at": f"{text.created.astimezone(account.settings.time_zone):%H:%M}",
        "status": text.status,
        "segments": text.segments,
        "error": text.error,
        "reason": DELIVERY_ERRORS.get(text.error, "") if text.error else "",
    }


def exchange_json(exchange: Exchange) -> dict[str, Any]:
    """One webhook for the developers' pane."""
    return {
        "number": exchange.number,
        "revision": exchange.revision,
        "at": f"{exchange.at:%H:%M:%S}",
        "method": exchange.method,
        "path": state_before(exchange.url).partition("?")[0],
        "status": exchange.status,
        "milliseconds": exchange.milliseconds,
        "signature": exchange.signature,
        "form": exchange.form,
        "document": pretty(exchange.document),
        "before": state_before(exchange.url),
        "after": state_after(exchange.document),
        "is_text": exchange.subject.is_text,
        "faults": [
            {**vars(fault), "advice": advice(exchange, fault), "page": REFERENCE.format(fault.code)}
            for fault in exchange.faults
        ],
    }
