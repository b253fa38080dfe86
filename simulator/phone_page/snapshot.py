"""A phone as JSON: its call, its texts, and the webhooks about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simulator.account import Account, Text
from simulator.exchange_log import EXCHANGES, Exchange
from simulator.phone_page import switches
from simulator.phone_page.handsets import Handsets
from simulator.phone_page.speech import has_voice, voice_for
from simulator.phone_page.twiml_text import pretty, state_after, state_before
from simulator.rest.errors import DELIVERY_ERRORS
from simulator.voice.call import Call

TEXTS, EXCHANGES_SHOWN, THREADS = 200, 60, 30
# A phone shows that the line is thinking, rather than wait for it.
LOCK_SECONDS = 0.02
DEFAULT_TIMEOUT = 5


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
            "exchange": newest[-1].number if newest else 0,
        }

    def latest_call(self, number: str) -> Call | None:
        """The newest call of a phone, in either direction."""
        with self.account.lock:
            calls = list(self.account.calls.values())
        owned = self.handsets.callers
        return next(
            (
                call
                for call in reversed(calls)
                if owned.get(call.sid, call.caller if call.direction == "inbound" else call.called) == number
            ),
            None,
        )

    def call(self, call: Call) -> dict[str, Any]:
        waits, gather, ringing = self._waiting(call)
        actions = self.handsets.actions.get(call.sid, [])
        return {
            "sid": call.sid,
            "incoming": call.direction != "inbound",
            "hidden": call.caller == "anonymous",
            "waits": waits,
            "status": call.status,
            "turns": [_turn(turn) for turn in list(call.turns)],
            "actions": [vars(action) for action in list(actions)],
            "gather": gather,
            "ringing": ringing,
        }

    def exchanges(self, number: str, after: int) -> list[Exchange]:
        """The webhooks about a phone, oldest first: about its number, or about a call that it made."""
        owned = {sid for sid, owner in list(self.handsets.callers.items()) if owner == number}

        def concerns(exchange: Exchange) -> bool:
            form = exchange.form
            sids = (form.get("CallSid", ""), form.get("ParentCallSid", ""))
            return number in (form.get("From"), form.get("To")) or not owned.isdisjoint(sids)

        return EXCHANGES.after(after, self.account.settings.public_url, concerns)[-EXCHANGES_SHOWN:]

    def _waiting(self, call: Call) -> tuple[str, dict[str, Any] | None, list[dict[str, Any]]]:
        """What a call waits for, with the input that it takes or the phones that ring."""
        if not call.lock.acquire(timeout=LOCK_SECONDS):
            return "line", None, []
        try:
            waiting, waits = call.leg.waiting, call.waits
            ringing = [{"number": each.number, "whispers": each.whisper is not None} for each in call.leg.destinations]
        finally:
            call.lock.release()
        if waits == "transfer":
            return waits, None, ringing
        if waits != "keys" or waiting is None:
            return waits, None, []
        kinds = waiting.get("input", "dtmf").split()
        digits = int(waiting.get("numDigits", "0"))
        timeout = waiting.get("timeout", "auto")
        gather = {
            "keys": "dtmf" in kinds,
            "speech": "speech" in kinds,
            "digits": digits,
            "finish": waiting.get("finishOnKey", "#"),
            "seconds": int(timeout) if timeout.isdigit() else DEFAULT_TIMEOUT,
            "language": waiting.get("language", "en-US"),
            # Keys pressed during these stop the voice; those before them are lost, as at Twilio.
            "prompts": sum(bool(verb.text) for verb in waiting.children if verb.name in ("Say", "Play")),
        }
        return waits, gather, []

    def _threads(self, own: str) -> list[dict[str, Any]]:
        """The conversations of the account, newest first, with this phone's even if it is empty."""
        with self.account.lock:
            threads = [(number, texts[-1]) for number, texts in self.account.threads.items() if texts]
        threads.sort(key=lambda thread: thread[1].created, reverse=True)
        shown = [{"number": number, "last": text.body[:60]} for number, text in threads[:THREADS]]
        return shown if any(each["number"] == own for each in shown) else [{"number": own, "last": ""}, *shown]


def _turn(turn: dict[str, Any]) -> dict[str, Any]:
    said = [
        {"text": text, "language": language, "sound": text.startswith("[audio ") or voice_for(language) is not None}
        for text, language in zip(turn["said"], turn["language"], strict=True)
    ]
    return {
        "said": said,
        "dial": turn["dial"],
        "error": turn["error"],
        "whispered": turn.get("whispered", []),
        "bridged": "whispered" in turn,
    }


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
    }
