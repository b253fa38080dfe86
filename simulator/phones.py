"""The JSON API of the simulated phones, which the `infoline` commands and the tests use."""

import json
import re
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, jsonify, request

from simulator.account import Account, Text
from simulator.faults import InvalidFaults
from simulator.messaging.inbound import receive
from simulator.numbers import E164, NO_CALLER, normalize
from simulator.scheduler import Scheduler
from simulator.voice.actions import act
from simulator.voice.call import Call, InvalidInput, InvalidState
from simulator.voice.incoming import place_call


@dataclass(frozen=True)
class Phones:
    """The phones that can reach one account."""

    account: Account
    scheduler: Scheduler

    def blueprint(self) -> Blueprint:
        blueprint = Blueprint("phones", __name__, url_prefix="/simulator")
        for rule, method, view in (
            ("/texts", "POST", self.text),
            ("/threads", "GET", self.threads),
            ("/threads/<number>", "GET", self.thread),
            ("/calls", "POST", self.call),
            ("/calls", "GET", self.calls),
            ("/calls/<sid>", "GET", self.call_details),
            ("/calls/<sid>/heard", "POST", self.heard),
            ("/faults", "GET", self.faults),
            ("/faults", "POST", self.set_faults),
            ("/log", "GET", self.log),
            ("/errors", "GET", self.errors),
        ):
            blueprint.add_url_rule(rule, view.__name__, view, methods=[method])
        blueprint.register_error_handler(InvalidInput, lambda error: _error(400, str(error)))
        blueprint.register_error_handler(InvalidFaults, lambda error: _error(400, str(error)))
        blueprint.register_error_handler(InvalidState, lambda error: _error(409, str(error)))
        return blueprint

    def text(self) -> Response:
        body = _json_body()
        sender = _number(body.get("from"), "from")
        text, media = body.get("body", ""), body.get("media", 0)
        if not isinstance(text, str) or isinstance(media, bool) or not isinstance(media, int) or not 0 <= media <= 10:
            raise InvalidInput("body must be text, and media a whole number from 0 to 10.")
        to = _number(body.get("to") or self.account.settings.sender, "to")
        outcome = receive(self.account, self.scheduler, sender, text, media, to)
        result: dict[str, Any] = {"sid": outcome.sid, "replies": outcome.replies}
        if outcome.error is None:
            return jsonify(result)
        response = jsonify({**result, "error": outcome.error})
        response.status_code = 502
        return response

    def threads(self) -> Response:
        with self.account.lock:
            return jsonify({number: len(texts) for number, texts in self.account.threads.items()})

    def thread(self, number: str) -> Response:
        """The conversation with one number: `in` is to the line, `out` is from the line."""
        with self.account.lock:
            texts = list(self.account.threads.get(normalize(number) or number, ()))
        return jsonify([_thread_entry(text) for text in texts])

    def call(self) -> Response:
        body = _json_body()
        caller = body.get("from", "anonymous")
        caller = caller if caller in NO_CALLER else _number(caller, "from")
        called = _number(body.get("to") or self.account.settings.sender, "to")
        return jsonify(place_call(self.account, self.scheduler, caller, called))

    def calls(self) -> Response:
        with self.account.lock:
            calls = list(self.account.calls.values())
        return jsonify([_summary(call) for call in calls])

    def call_details(self, sid: str) -> Response:
        call = self._find_call(sid)
        return jsonify(
            {
                **_summary(call),
                "turns": call.turns,
                "requests": [logged.to_json() for logged in list(call.requests)],
            }
        )

    def heard(self, sid: str) -> Response:
        return jsonify(act(self._find_call(sid), _json_body()))

    def faults(self) -> Response:
        return jsonify(self.account.fault_injector.faults.requested)

    def set_faults(self) -> Response:
        self.account.fault_injector.set_faults(_json_body() if request.get_data(cache=True).strip() else {})
        return self.faults()

    def log(self) -> Response:
        """Every text, oldest first: Twilio's resource and the status callback."""
        sid = self.account.settings.account_sid
        with self.account.lock:
            return jsonify(
                [{**text.resource(sid), "status_callback": text.callback} for text in self.account.texts.values()]
            )

    def errors(self) -> Response:
        with self.account.lock:
            return jsonify([{**vars(entry), "at": entry.at.isoformat()} for entry in self.account.debugger])

    def _find_call(self, sid: str) -> Call:
        call = self.account.calls.get(sid)
        if call is None:
            raise InvalidInput(f"There is no call {sid}.")
        return call


def _thread_entry(text: Text) -> dict[str, Any]:
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
        "error": call.leg.error,
    }


def _json_body() -> dict[str, Any]:
    # A browser lets any website send the other types without asking.
    body = request.get_data() if request.mimetype == "application/json" else b""
    try:
        content = json.loads(body)
        # Half of a surrogate pair is valid JSON, but no text.
        json.dumps(content, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise InvalidInput("Send a JSON object with Content-Type: application/json.")
    return content


def _number(value: object, name: str) -> str:
    number = normalize(value) if isinstance(value, str) else None
    if number is None or not re.fullmatch(E164, number):
        raise InvalidInput(f"{name} must be a phone number such as +16035550123.")
    return number


def _error(status: int, sentence: str) -> Response:
    response = jsonify({"error": sentence})
    response.status_code = status
    return response
