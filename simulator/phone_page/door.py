"""The routes of the page. `app.py` refuses every request from another website before it gets here."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from flask import Blueprint, Response, jsonify, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from simulator.account import Account
from simulator.faults import InvalidFaults
from simulator.messaging.inbound import receive
from simulator.numbers import E164
from simulator.phone_page import speech, switches
from simulator.phone_page.call_json import sentence
from simulator.phone_page.handsets import CallerAction, Handsets
from simulator.phone_page.snapshot import Snapshot, exchange_json
from simulator.scheduler import Scheduler
from simulator.voice.actions import act
from simulator.voice.call import Call, InvalidInput, InvalidState
from simulator.voice.incoming import place_call

HIDDEN = "anonymous"
HEADER = "X-Phone-Page"
# What people do on a call, and the details of it.
ACTIONS = (
    "keys", "speech", "silence", "dial", "hangup", "answer", "pick_up", "other_keys", "other_silence", "other_hangup",
)  # fmt: skip
DETAILS = ("number", "accept", "ended_by", "words")


@dataclass
class PhonePage:
    """The page of one account."""

    account: Account
    scheduler: Scheduler
    handsets: Handsets = field(default_factory=Handsets)

    def __post_init__(self) -> None:
        self.snapshot = Snapshot(self.account, self.handsets)

    def blueprint(self) -> Blueprint:
        blueprint = Blueprint(
            "phone_page", __name__, static_folder="static", static_url_path="/phone/static", template_folder="templates"
        )
        blueprint.add_url_rule("/", "index", self.index)
        for rule, method, view in (
            ("/phone/assign", "POST", self.assign),
            ("/phone/<number>", "GET", self.state),
            ("/phone/<number>/exchanges", "GET", self.exchanges),
            ("/phone/<number>/text", "POST", self.text),
            ("/phone/<number>/call", "POST", self.call),
            ("/phone/<number>/act", "POST", self.act),
            ("/phone/<number>/leave", "POST", self.leave),
            ("/phone/<number>/failure", "POST", self.failure),
            ("/phone/hour", "POST", self.hour),
            ("/phone/too-many", "POST", self.too_many),
            ("/phone/sound/<sid>/<int:turn>/<int:index>", "GET", self.sound),
        ):
            checked = _from_page(view) if method == "POST" else view
            blueprint.add_url_rule(rule, view.__name__, checked, methods=[method])
        blueprint.register_error_handler(InvalidInput, lambda error: _error(400, str(error)))
        blueprint.register_error_handler(InvalidFaults, lambda error: _error(400, str(error)))
        blueprint.register_error_handler(InvalidState, lambda error: _error(409, str(error)))
        blueprint.after_request(self._protect)
        return blueprint

    def index(self) -> str:
        return render_template("phone.html", line=self.account.settings.sender)

    def assign(self) -> Response:
        """A number for a new tab. A call that a closed tab left behind ends."""
        number = self.handsets.assign()
        call = self.snapshot.latest_call(number)
        if call is not None and call.waits in ("keys", "transfer"):
            act(call, {"hangup": True})
        return jsonify({"phone": number})

    def leave(self, number: str) -> Response:
        self.handsets.leave(_number(number))
        return jsonify({})

    def state(self, number: str) -> BaseResponse:
        """The phone as JSON; 304 while nothing has changed."""
        self.handsets.touch(_number(number))
        response = jsonify(self.snapshot.phone(number))
        response.add_etag()
        return response.make_conditional(request)

    def exchanges(self, number: str) -> Response:
        after = request.args.get("after", "0")
        if not re.fullmatch(r"[0-9]{1,12}", after):
            raise InvalidInput("after must be a number.")
        return jsonify([exchange_json(each) for each in self.snapshot.exchanges(_number(number), int(after))])

    def text(self, number: str) -> Response:
        body = _json_body().get("body")
        if not isinstance(body, str) or not body.strip():
            raise InvalidInput("A text message cannot be empty.")
        outcome = receive(self.account, self.scheduler, _number(number), body)
        return jsonify({"error": outcome.error, **self.snapshot.phone(number)})

    def call(self, number: str) -> Response:
        """Call the line. A phone has one call at a time."""
        caller = HIDDEN if _json_body().get("hidden") is True else _number(number)
        current = self.snapshot.latest_call(number)
        if current is not None and current.ended is None:
            raise InvalidState("This phone is on a call already.")
        turn = place_call(self.account, self.scheduler, caller, self.account.settings.sender)
        self.handsets.own(turn["call"], number)
        return jsonify(self.snapshot.phone(number))

    def act(self, number: str) -> Response:
        """Do what the person did. turn: the number of turns that the page knew, so that nothing is done twice."""
        body = _json_body()
        call = self.snapshot.latest_call(_number(number))
        action = {name: body[name] for name in (*ACTIONS, *DETAILS) if name in body}
        if call is None:
            raise InvalidState("This phone is on no call.")
        with call.lock:
            if body.get("sid") != call.sid or body.get("turn") != len(call.turns):
                raise InvalidState("The call has gone on since.")
            self._act(call, action)
        return jsonify(self.snapshot.phone(number))

    def _act(self, call: Call, action: dict[str, Any]) -> None:
        turns = len(call.turns)
        act(call, action)
        kind = next(name for name in ACTIONS if name in action)
        self.handsets.note(call.sid, CallerAction(turns, kind, str(action[kind])))

    def failure(self, number: str) -> Response:
        switches.set_failure(self.account, _number(number), _json_body().get("failure"))
        return jsonify(self.snapshot.phone(number))

    def hour(self) -> Response:
        switches.set_hour(self.account, _json_body().get("hour"))
        return jsonify({})

    def too_many(self) -> Response:
        switches.set_too_many(self.account, _json_body().get("active") is True)
        return jsonify({})

    def sound(self, sid: str, turn: int, index: int) -> BaseResponse:
        """One sentence of a call as sound. The URL does not contain the words: they may have a caller's number."""
        text, language = sentence(self.account.calls.get(sid), turn, index)
        recording = re.fullmatch(r"\[audio (http://\S+)\]", text)
        if recording:
            return redirect(recording[1])
        voice = speech.voice_for(language)
        if not text or voice is None or not speech.has_voice():
            return _error(404, "There is no sound for this.")
        response = Response(speech.speak(text, voice), mimetype="audio/wav")
        response.cache_control.no_store = True
        return response

    def _protect(self, response: Response) -> Response:
        line = self.account.settings.public_url
        response.headers["Content-Security-Policy"] = (
            f"default-src 'self'; media-src 'self' {line}; img-src 'self' data:; frame-ancestors 'none'; "
            "base-uri 'none'; form-action 'none'; object-src 'none'"
        )
        response.headers["X-Frame-Options"] = "DENY"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        if request.endpoint != "phone_page.static":
            response.headers["Cache-Control"] = "no-cache"
        return response


def _from_page(view: Callable[..., BaseResponse]) -> Callable[..., BaseResponse]:
    """Requires a header that a website can set only after a preflight, which the simulator never allows."""

    @wraps(view)
    def checked(**arguments: Any) -> BaseResponse:
        if request.headers.get(HEADER) != "1":
            return _error(403, f"Send {HEADER}: 1, as the page does.")
        return view(**arguments)

    return checked


def _json_body() -> dict[str, Any]:
    body = request.get_json(silent=True) if request.mimetype == "application/json" else None
    if not isinstance(body, dict):
        raise InvalidInput("Send a JSON object with Content-Type: application/json.")
    return body


def _number(number: str) -> str:
    if not re.fullmatch(E164, number):
        raise InvalidInput("A phone is a number such as +16035550123.")
    return number


def _error(status: int, sentence: str) -> Response:
    response = jsonify({"error": sentence})
    response.status_code = status
    return response
