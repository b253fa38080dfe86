"""The phones of the people who call and text, as a small JSON door: what the commands, the tests and the
page use.
"""

import re
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, jsonify, request

from simulator.account import Account, Text
from simulator.call import Call, Unfit, Unreadable
from simulator.faults import WrongFaults
from simulator.hearing import hear
from simulator.numbers import E164, NO_CALLER, normalised
from simulator.receipts import Postman
from simulator.texts import receive


@dataclass(frozen=True)
class Phones:
    """The phone network of one account."""

    account: Account
    postman: Postman

    def blueprint(self) -> Blueprint:
        door = Blueprint("phones", __name__, url_prefix="/simulator")
        for rule, method, view in (
            ("/texts", "POST", self.text),
            ("/threads", "GET", self.threads),
            ("/threads/<number>", "GET", self.thread),
            ("/calls", "POST", self.call),
            ("/calls", "GET", self.calls),
            ("/calls/<sid>", "GET", self.whole_call),
            ("/calls/<sid>/heard", "POST", self.heard),
            ("/faults", "GET", self.faults),
            ("/faults", "POST", self.switch_faults),
            ("/log", "GET", self.log),
            ("/errors", "GET", self.errors),
        ):
            door.add_url_rule(rule, view.__name__, view, methods=[method])
        door.register_error_handler(Unreadable, lambda error: _error(400, str(error)))
        door.register_error_handler(WrongFaults, lambda error: _error(400, str(error)))
        door.register_error_handler(Unfit, lambda error: _error(409, str(error)))
        return door

    def text(self) -> Response:
        asked = _asked()
        sender = _number(asked.get("from"), "from")
        body, media = asked.get("body", ""), asked.get("media", 0)
        if not isinstance(body, str) or isinstance(media, bool) or not isinstance(media, int) or not 0 <= media <= 10:
            raise Unreadable("body must be words, and media a whole number from 0 to 10.")
        outcome = receive(self.account, self.postman, sender, body, media)
        shown: dict[str, Any] = {"sid": outcome.sid, "replies": outcome.replies}
        if outcome.error is None:
            return jsonify(shown)
        response = jsonify({**shown, "error": outcome.error})
        response.status_code = 502
        return response

    def threads(self) -> Response:
        with self.account.lock:
            return jsonify({number: len(texts) for number, texts in self.account.threads.items()})

    def thread(self, number: str) -> Response:
        """`in` is from the person to the line, `out` from the line to the person."""
        with self.account.lock:
            texts = list(self.account.threads.get(normalised(number) or number, ()))
        return jsonify([in_thread(text) for text in texts])

    def call(self) -> Response:
        asked = _asked()
        caller = asked.get("from", "anonymous")
        settings = self.account.settings
        call = Call(
            settings=settings,
            trouble=self.account.trouble,
            caller=caller if caller in NO_CALLER else _number(caller, "from"),
            called=_number(asked.get("to") or settings.sender, "to"),
            created=settings.now(),
        )
        with self.account.lock:
            self.account.calls[call.sid] = call
        return jsonify(call.begin(settings.voice_url()))

    def calls(self) -> Response:
        with self.account.lock:
            calls = list(self.account.calls.values())
        return jsonify([_summary(call) for call in calls])

    def whole_call(self, sid: str) -> Response:
        call = self._found(sid)
        return jsonify(
            {
                **_summary(call),
                "turns": call.turns,
                "requests": [asked.shown() for asked in list(call.requests)],
            }
        )

    def heard(self, sid: str) -> Response:
        return jsonify(hear(self._found(sid), _asked()))

    def faults(self) -> Response:
        return jsonify(self.account.mishaps.faults.asked)

    def switch_faults(self) -> Response:
        self.account.mishaps.switch(_asked() if request.get_data(cache=True).strip() else {})
        return self.faults()

    def log(self) -> Response:
        """Every text that the carrier took, oldest first: Twilio's resource, and where its receipts go."""
        sid = self.account.settings.account_sid
        with self.account.lock:
            return jsonify(
                [{**text.resource(sid), "status_callback": text.callback} for text in self.account.texts.values()]
            )

    def errors(self) -> Response:
        with self.account.lock:
            return jsonify([{**vars(trouble), "at": trouble.at.isoformat()} for trouble in self.account.troubles])

    def _found(self, sid: str) -> Call:
        call = self.account.calls.get(sid)
        if call is None:
            raise Unreadable(f"There is no call {sid}.")
        return call


def in_thread(text: Text) -> dict[str, Any]:
    """One line of a thread."""
    return {
        "at": text.created.isoformat(),
        "direction": "in" if text.direction == "inbound" else "out",
        "body": text.body,
        "sid": text.sid,
        "status": text.status,
        "segments": text.segments,
    }


def _summary(call: Call) -> dict[str, Any]:
    return {
        "call": call.sid,
        "at": call.created.isoformat(),
        "from": call.caller,
        "to": call.called,
        "direction": call.direction,
        "status": call.status,
        "waits": call.waits,
        "turns": len(call.turns),
        "error": call.walk.error,
    }


def _asked() -> dict[str, Any]:
    asked = request.get_json(force=True, silent=True)
    if not isinstance(asked, dict):
        raise Unreadable("Send a JSON object.")
    return asked


def _number(written: object, name: str) -> str:
    number = normalised(written) if isinstance(written, str) else None
    if number is None or not re.fullmatch(E164, number):
        raise Unreadable(f"{name} must be a phone number such as +16035550123.")
    return number


def _error(status: int, sentence: str) -> Response:
    response = jsonify({"error": sentence})
    response.status_code = status
    return response
