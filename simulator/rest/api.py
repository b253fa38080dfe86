"""Twilio's REST API for the texts and calls of one account, with basic authentication.

https://www.twilio.com/docs/messaging/api/message-resource
https://www.twilio.com/docs/voice/api/call-resource
"""

import hmac
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, g, jsonify, request

from simulator.account import Account, Text
from simulator.loopback import may_request
from simulator.messaging.inbound import MAX_CHARACTERS
from simulator.messaging.receipts import deliver
from simulator.numbers import MAGIC_SENDER, MAGIC_TEXT_FROM, MAGIC_TEXT_TO, normalize
from simulator.resource import API_VERSION, new_sid, segments
from simulator.rest.errors import RestError
from simulator.rest.fields import CREATE_CALL, CREATE_MESSAGE, LIST_CALLS, LIST_MESSAGES, UPDATE_CALL, check, integer
from simulator.rest.listing import paginate, period
from simulator.scheduler import Scheduler
from simulator.voice.call import Call
from simulator.voice.outbound import create_call

MAX_VALIDITY_SECONDS = 36_000
BAD_GATEWAY_PAGE = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


@dataclass(frozen=True)
class Rest:
    """The REST API of one account."""

    account: Account
    scheduler: Scheduler

    def blueprint(self) -> Blueprint:
        blueprint = Blueprint("rest", __name__, url_prefix=f"/{API_VERSION}/Accounts/<account_sid>")
        for rule, method, view in (
            ("/Messages.json", "POST", self.create_message),
            ("/Messages.json", "GET", self.list_messages),
            ("/Messages/<sid>.json", "GET", self.get_message),
            ("/Calls.json", "POST", self.create_call),
            ("/Calls.json", "GET", self.list_calls),
            ("/Calls/<sid>.json", "GET", self.get_call),
            ("/Calls/<sid>.json", "POST", self.update_call),
        ):
            blueprint.add_url_rule(rule, view.__name__, view, methods=[method])
        # Its path is the prefix and a suffix, which no rule of this blueprint can be.
        blueprint.record(
            lambda state: state.app.add_url_rule(
                f"/{API_VERSION}/Accounts/<account_sid>.json", "rest.get_account", self.get_account
            )
        )
        blueprint.url_value_preprocessor(_store_account_sid)
        blueprint.before_request(self.authenticate)
        return blueprint

    def authenticate(self) -> None:
        """Require the account's SID and token (20003) and its path (20404)."""
        settings, credentials = self.account.settings, request.authorization
        user, password = (credentials.username or "", credentials.password or "") if credentials else ("", "")
        valid = hmac.compare_digest(user.encode(), settings.account_sid.encode())
        valid &= hmac.compare_digest(password.encode(), settings.auth_token.encode())
        if not valid or self.account.fault_injector.faults.auth:
            raise RestError(20003)
        if g.account_sid != settings.account_sid:
            raise RestError(20404, request.path)

    def get_account(self) -> Response:
        """https://www.twilio.com/docs/iam/api/account"""
        sid = self.account.settings.account_sid
        resource = {"sid": sid, "friendly_name": "Simulator", "status": "active", "type": "Full"}
        return jsonify({**resource, "uri": request.path})

    def create_message(self) -> Response:
        """Accept a text, or inject one of the active faults."""
        faults = self.account.fault_injector.faults
        if faults.latency:
            time.sleep(faults.latency)
        check(CREATE_MESSAGE, request.form)
        text = self._parse_text(request.form)
        fault = self.account.fault_injector.for_creation()
        if fault in ("429", "500"):
            raise RestError({"429": 20429, "500": 20500}[fault])
        if fault == "html":
            return Response(BAD_GATEWAY_PAGE, 502, mimetype="text/html")
        self.account.add_text(text)
        resource = text.resource(self.account.settings.account_sid)
        deliver(self.account, self.scheduler, text)
        if fault == "500_stored":
            raise RestError(20500)
        if fault == "drop_stored":
            _drop_connection()
        if fault == "slow_stored":
            time.sleep(faults.slow_seconds)
        return _created(resource)

    def list_messages(self) -> Response:
        """Texts that have not been sent yet are filtered by their creation time."""
        check(LIST_MESSAGES, request.args)
        to, sender = request.args.get("To"), request.args.get("From")
        in_period = period(request.args, "DateSent")

        def matches(text: Text) -> bool:
            return (
                (not to or text.to == to)
                and (not sender or text.visible_sender == sender)
                and in_period(text.sent or text.created)
            )

        numbers = [number for number in (to, sender) if number and number != self.account.settings.sender]
        texts = self.account.texts_where(matches, numbers[0] if numbers else None)
        return jsonify(
            paginate(
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
            raise RestError(20404, request.path)
        return jsonify(text.resource(self.account.settings.account_sid))

    def create_call(self) -> Response:
        check(CREATE_CALL, request.form)
        events = request.form.getlist("StatusCallbackEvent")
        return _created(create_call(self.account, self.scheduler, request.form, events).resource())

    def list_calls(self) -> Response:
        """Calls that have not been answered yet are filtered by their creation time."""
        check(LIST_CALLS, request.args)
        filters = {name: request.args.get(name) for name in ("To", "From", "Status")}
        in_period = period(request.args, "StartTime")

        def matches(call: Call) -> bool:
            values = {"To": call.called, "From": call.caller, "Status": call.status}
            return all(not value or values[name] == value for name, value in filters.items()) and in_period(
                call.started or call.created
            )

        with self.account.lock:
            calls = [call for call in reversed(self.account.calls.values()) if matches(call)]
        return jsonify(
            paginate(calls, request.args, request.path, "calls", Call.resource, lambda call: call.sid),
        )

    def get_call(self, sid: str) -> Response:
        return jsonify(self._call(sid).resource())

    def update_call(self, sid: str) -> Response:
        """Status=completed ends any call; Status=canceled ends one that has not been answered."""
        call = self._call(sid)
        check(UPDATE_CALL, request.form)
        status = request.form.get("Status", "")
        if status not in ("completed", "canceled"):
            raise RestError(21220, status)
        if call.waits == "answer":
            call.end("canceled")
        elif status == "completed":
            call.end("completed")
        return jsonify(call.resource())

    def _call(self, sid: str) -> Call:
        call = self.account.calls.get(sid)
        if call is None:
            raise RestError(20404, request.path)
        return call

    def _parse_text(self, form: Mapping[str, str]) -> Text:
        """The text that a request asks for. Checks in Twilio's order. Raises `RestError`."""
        to, body = form.get("To", ""), form.get("Body", "")
        media = len(request.form.getlist("MediaUrl"))
        if not to:
            raise RestError(21604)
        if not body and not media:
            raise RestError(21602)
        service = self._sender(form)
        number = self._recipient(to)
        if len(body) > MAX_CHARACTERS:
            raise RestError(21617)
        callback = form.get("StatusCallback") or None
        if callback is not None and not may_request(callback):
            raise RestError(21609, f"{callback} (the simulator connects to loopback addresses only)")
        integer(form, "ValidityPeriod", MAX_VALIDITY_SECONDS, 1, MAX_VALIDITY_SECONDS)
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
        """The messaging service, or None if the sender is a number."""
        sender, service = form.get("From", ""), form.get("MessagingServiceSid", "")
        if not sender and not service:
            raise RestError(21603)
        if service and not (service.startswith("MG") and len(service) == 34):
            raise RestError(21705, service)
        if service and service != self.account.settings.messaging_service:
            raise RestError(21701, service)
        if sender in MAGIC_TEXT_FROM:
            raise RestError(MAGIC_TEXT_FROM[sender], sender)
        if sender and normalize(sender) is None:
            raise RestError(21212, sender)
        if sender and sender not in (self.account.settings.sender, MAGIC_SENDER):
            raise RestError(21659, sender)
        return service or None

    def _recipient(self, to: str) -> str:
        if to in MAGIC_TEXT_TO:
            raise RestError(MAGIC_TEXT_TO[to], to)
        number = normalize(to)
        if number is None:
            raise RestError(21211, to)
        if number in self.account.blocked:
            raise RestError(21610)
        return number


def _store_account_sid(_endpoint: str | None, values: dict[str, Any] | None) -> None:
    g.account_sid = (values or {}).pop("account_sid", "")


def _created(resource: dict[str, Any]) -> Response:
    response = jsonify(resource)
    response.status_code = 201
    return response


def _drop_connection() -> None:
    connection = request.environ.get("werkzeug.socket")
    if isinstance(connection, socket.socket):
        connection.shutdown(socket.SHUT_RDWR)
