"""https://www.twilio.com/docs/voice/api/call-resource"""

from flask import Response, jsonify, request

from simulator.rest.endpoint import Endpoint, Route, created, deleted
from simulator.rest.errors import RestError
from simulator.rest.fields import CREATE_CALL, LIST_CALLS, UPDATE_CALL
from simulator.rest.listing import paginate, period
from simulator.voice.call import Call
from simulator.voice.dialed import DialedCall
from simulator.voice.outbound import create_call, update_call


class Calls(Endpoint):
    """Calls of either direction."""

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("/Calls.json", "POST", self.create),
            Route("/Calls.json", "GET", self.list_calls),
            Route("/Calls/<sid>.json", "GET", self.get),
            Route("/Calls/<sid>.json", "POST", self.update),
            Route("/Calls/<sid>.json", "DELETE", self.delete),
        )

    def create(self) -> Response:
        self.check(CREATE_CALL, request.form)
        return created(create_call(self.account, self.scheduler, request.form).resource())

    def list_calls(self) -> Response:
        """Calls that have not been answered yet are filtered by their creation time."""
        self.check(LIST_CALLS, request.args)
        filters = {name: request.args.get(name) for name in ("To", "From", "Status", "ParentCallSid")}
        started, ended = period(request.args, "StartTime"), period(request.args, "EndTime")
        by_end = any(name.startswith("EndTime") for name in request.args)

        def matches(call: Call | DialedCall) -> bool:
            parent = call.parent.sid if isinstance(call, DialedCall) else ""
            values = {"To": call.called, "From": call.caller, "Status": call.status, "ParentCallSid": parent}
            return (
                all(not value or values[name] == value for name, value in filters.items())
                and started(call.started or call.created)
                and (not by_end or (call.ended is not None and ended(call.ended)))
            )

        calls = [call for call in self.account.all_calls() if matches(call)]
        return jsonify(
            paginate(calls, request.args, request.path, "calls", lambda call: call.resource(), lambda call: call.sid)
        )

    def get(self, sid: str) -> Response:
        dialed = self.account.dialed.get(sid)
        return jsonify((dialed or self._call(sid)).resource())

    def update(self, sid: str) -> Response:
        call = self._call(sid)
        self.check(UPDATE_CALL, request.form)
        update_call(call, request.form)
        return jsonify(call.resource())

    def delete(self, sid: str) -> Response:
        """Only a call that is over can be deleted."""
        call = self._call(sid)
        if call.ended is None:
            raise RestError(20009, sid)
        with self.account.lock:
            self.account.calls.pop(sid, None)
        return deleted()

    def _call(self, sid: str) -> Call:
        call = self.account.calls.get(sid)
        if call is None:
            raise RestError(20404, request.path)
        return call
