"""The debugger's entries: https://www.twilio.com/docs/usage/monitor-alert

In Twilio's newer list format, with absolute addresses at monitor.twilio.com.
"""

from typing import Any

from flask import Response, jsonify, request

from simulator.account import DebuggerEntry
from simulator.resource import API_VERSION
from simulator.rest.endpoint import Endpoint, Route
from simulator.rest.errors import RestError
from simulator.rest.fields import LIST_ALERTS
from simulator.rest.listing import paginate_with_meta, parse_moment

HOST = "https://monitor.twilio.com"


class Alerts(Endpoint):
    """Faults of the line's answers (error) and of its TwiML (warning), newest first."""

    def routes(self) -> tuple[Route, ...]:
        return Route("/Alerts", "GET", self.list_alerts), Route("/Alerts/<sid>", "GET", self.get_alert)

    def list_alerts(self) -> Response:
        self.check(LIST_ALERTS, request.args)
        level = request.args.get("LogLevel")
        start, end = parse_moment(request.args.get("StartDate")), parse_moment(request.args.get("EndDate"), True)
        with self.account.lock:
            entries = [
                entry
                for entry in reversed(self.account.debugger)
                if (not level or entry.level == level)
                and (start is None or entry.at >= start)
                and (end is None or entry.at <= end)
            ]
        return jsonify(paginate_with_meta(entries, request, HOST, "alerts", self._resource, lambda entry: entry.sid))

    def get_alert(self, sid: str) -> Response:
        with self.account.lock:
            found = next((entry for entry in self.account.debugger if entry.sid == sid), None)
        if found is None:
            raise RestError(20404, request.path)
        details = ("request_variables", "response_body", "response_headers", "request_headers")
        return jsonify({**self._resource(found), **dict.fromkeys(details)})

    def _resource(self, entry: DebuggerEntry) -> dict[str, Any]:
        at = entry.at.strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            "account_sid": self.account.settings.account_sid,
            "alert_text": entry.sentence,
            "api_version": API_VERSION,
            "date_created": at,
            "date_generated": at,
            "date_updated": at,
            "error_code": str(entry.code),
            "log_level": entry.level,
            "more_info": f"https://www.twilio.com/docs/api/errors/{entry.code}",
            "request_method": None,
            "request_url": entry.path,
            "resource_sid": None,
            "service_sid": None,
            "sid": entry.sid,
            "url": f"{HOST}/v1/Alerts/{entry.sid}",
        }
