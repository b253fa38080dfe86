"""What a program sees of Twilio: texts and calls of one account, behind basic authentication.

https://www.twilio.com/docs/messaging/api/message-resource and https://www.twilio.com/docs/voice/api/call-
resource
"""

import hmac
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, g, jsonify, request

from simulator.account import Account, Text
from simulator.call import Call
from simulator.errors import Refused
from simulator.fields import CREATE_CALL, CREATE_MESSAGE, LIST_CALLS, LIST_MESSAGES, UPDATE_CALL, check, whole
from simulator.listing import page, period
from simulator.loopback import is_loopback
from simulator.numbers import MAGIC_SENDER, MAGIC_TEXT_FROM, MAGIC_TEXT_TO, normalised
from simulator.outbound import place
from simulator.receipts import Postman, send_on_its_way
from simulator.resource import API_VERSION, new_sid, segments
from simulator.texts import MOST_CHARACTERS

MOST_VALIDITY_SECONDS = 36_000
HTML_FAULT = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


@dataclass(frozen=True)
class Rest:
    """The REST door of one account."""

    account: Account
    postman: Postman

    def blueprint(self) -> Blueprint:
        door = Blueprint("rest", __name__, url_prefix=f"/{API_VERSION}/Accounts/<account_sid>")
        for rule, method, view in (
            ("/Messages.json", "POST", self.create_message),
            ("/Messages.json", "GET", self.list_messages),
            ("/Messages/<sid>.json", "GET", self.get_message),
            ("/Calls.json", "POST", self.create_call),
            ("/Calls.json", "GET", self.list_calls),
            ("/Calls/<sid>.json", "GET", self.get_call),
            ("/Calls/<sid>.json", "POST", self.update_call),
        ):
            door.add_url_rule(rule, view.__name__, view, methods=[method])
        door.url_value_preprocessor(_take_account)
        door.before_request(self.admit)
        return door

    def admit(self) -> None:
        """Account SID and token, or 20003; another account's path is not found."""
        settings, given = self.account.settings, request.authorization
        user, password = (given.username or "", given.password or "") if given else ("", "")
        right = hmac.compare_digest(user.encode(), settings.account_sid.encode())
        right &= hmac.compare_digest(password.encode(), settings.auth_token.encode())
        if not right or self.account.mishaps.faults.auth:
            raise Refused(20003)
        if g.account_sid != settings.account_sid:
            raise Refused(20404, request.path)

    def create_message(self) -> Response:
        """Take a text, or suffer one of the faults that are switched on."""
        faults = self.account.mishaps.faults
        if faults.latency:
            time.sleep(faults.latency)
        check(CREATE_MESSAGE, request.form)
        text = self._text(request.form)
        mishap = self.account.mishaps.for_creation()
        if mishap in ("429", "500"):
            raise Refused({"429": 20429, "500": 20500}[mishap])
        if mishap == "html":
            return Response(HTML_FAULT, 502, mimetype="text/html")
        self.account.keep(text)
        resource = text.resource(self.account.settings.account_sid)
        send_on_its_way(self.account, self.postman, text)
        if mishap == "500_stored":
            raise Refused(20500)
        if mishap == "drop_stored":
            _drop_the_connection()
        if mishap == "slow_stored":
            time.sleep(faults.slow_seconds)
        return _made(resource)

    def list_messages(self) -> Response:
        """A text that has not been sent yet counts by the time at which it was created."""
        check(LIST_MESSAGES, request.args)
        to, sender = request.args.get("To"), request.args.get("From")
        within = period(request.args, "DateSent")

        def fits(text: Text) -> bool:
            return (
                (not to or text.to == to)
                and (not sender or text.shown_sender == sender)
                and within(text.sent or text.created)
            )

        people = [number for number in (to, sender) if number and number != self.account.settings.sender]
        texts = self.account.texts_where(fits, people[0] if people else None)
        return jsonify(
            page(
                texts,
                request.args,
                request.path,
                "messages",
                lambda text: text.resource(self.account.settings.account_sid),
                lambda text: text.sid,
            )
        )

    def get_message(self, sid: str) -> Response:
        text = self.account.texts.get(sid)
        if text is None:
            raise Refused(20404, request.path)
        return jsonify(text.resource(self.account.settings.account_sid))

    def create_call(self) -> Response:
        check(CREATE_CALL, request.form)
        events = request.form.getlist("StatusCallbackEvent")
        return _made(place(self.account, self.postman, request.form, events).resource())

    def list_calls(self) -> Response:
        """A call that has not been answered yet counts by the time at which it was created."""
        check(LIST_CALLS, request.args)
        wanted = {name: request.args.get(name) for name in ("To", "From", "Status")}
        within = period(request.args, "StartTime")

        def fits(call: Call) -> bool:
            has = {"To": call.called, "From": call.caller, "Status": call.status}
            same = all(not value or has[name] == value for name, value in wanted.items())
            return same and within(call.started or call.created)

        with self.account.lock:
            calls = [call for call in reversed(self.account.calls.values()) if fits(call)]
        return jsonify(
            page(calls, request.args, request.path, "calls", Call.resource, lambda call: call.sid),
        )

    def get_call(self, sid: str) -> Response:
        return jsonify(self._call(sid).resource())

    def update_call(self, sid: str) -> Response:
        """Status=completed ends a call, Status=canceled one that nobody has answered."""
        call = self._call(sid)
        check(UPDATE_CALL, request.form)
        status = request.form.get("Status", "")
        if status not in ("completed", "canceled"):
            raise Refused(21220, status)
        if call.waits == "answer":
            call.end("canceled")
        elif status == "completed":
            call.end("completed")
        return jsonify(call.resource())

    def _call(self, sid: str) -> Call:
        call = self.account.calls.get(sid)
        if call is None:
            raise Refused(20404, request.path)
        return call

    def _text(self, form: Mapping[str, str]) -> Text:
        """The text that a creation asks for. Raises `Refused` in the order in which Twilio looks."""
        to, body = form.get("To", ""), form.get("Body", "")
        media = len(request.form.getlist("MediaUrl"))
        if not to:
            raise Refused(21604)
        if not body and not media:
            raise Refused(21602)
        service = self._sender(form)
        number = self._recipient(to)
        if len(body) > MOST_CHARACTERS:
            raise Refused(21617)
        callback = form.get("StatusCallback") or None
        if callback is not None and not is_loopback(callback):
            raise Refused(21609, f"{callback} (the simulator speaks to loopback addresses only)")
        whole(form, "ValidityPeriod", MOST_VALIDITY_SECONDS, 1, MOST_VALIDITY_SECONDS)
        now = self.account.settings.now()
        return Text(
            sid=new_sid("MM" if media else "SM"),
            to=number,
            sender=form.get("From") or self.account.settings.sender,
            body=body,
            direction="outbound-api",
            status="accepted" if service else "queued",
            created=now,
            updated=now,
            segments=segments(body),
            media=media,
            service=service,
            callback=callback,
        )

    def _sender(self, form: Mapping[str, str]) -> str | None:
        """The messaging service, or None when a number sends."""
        sender, service = form.get("From", ""), form.get("MessagingServiceSid", "")
        if not sender and not service:
            raise Refused(21603)
        if service and not (service.startswith("MG") and len(service) == 34):
            raise Refused(21705, service)
        if service and service != self.account.settings.messaging_service:
            raise Refused(21701, service)
        if sender in MAGIC_TEXT_FROM:
            raise Refused(MAGIC_TEXT_FROM[sender], sender)
        if sender and normalised(sender) is None:
            raise Refused(21212, sender)
        if sender and sender not in (self.account.settings.sender, MAGIC_SENDER):
            raise Refused(21659, sender)
        return service or None

    def _recipient(self, to: str) -> str:
        if to in MAGIC_TEXT_TO:
            raise Refused(MAGIC_TEXT_TO[to], to)
        number = normalised(to)
        if number is None:
            raise Refused(21211, to)
        if number in self.account.blocked:
            raise Refused(21610)
        return number


def _take_account(_endpoint: str | None, values: dict[str, Any] | None) -> None:
    g.account_sid = (values or {}).pop("account_sid", "")


def _made(resource: dict[str, Any]) -> Response:
    response = jsonify(resource)
    response.status_code = 201
    return response


def _drop_the_connection() -> None:
    wire = request.environ.get("werkzeug.socket")
    if isinstance(wire, socket.socket):
        wire.shutdown(socket.SHUT_RDWR)
