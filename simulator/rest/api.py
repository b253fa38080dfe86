"""Twilio's REST API for one account, with basic authentication: by the account's SID and token, or by an API key."""

import hmac
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, g, jsonify, request

from simulator.account import Account
from simulator.resource import API_VERSION, rfc2822
from simulator.rest.alerts import Alerts
from simulator.rest.calls import Calls
from simulator.rest.conferences import Conferences
from simulator.rest.endpoint import Endpoint, Route
from simulator.rest.errors import RestError
from simulator.rest.messages import Messages
from simulator.rest.phone_numbers import PhoneNumbers
from simulator.rest.recordings import Recordings
from simulator.rest.services import Services
from simulator.scheduler import Scheduler

# Twilio has these at monitor.twilio.com and messaging.twilio.com.
ELSEWHERE: tuple[type[Endpoint], ...] = (Alerts, Services)
ENDPOINTS: tuple[type[Endpoint], ...] = (Messages, Calls, PhoneNumbers, Recordings, Conferences)


class Rest:
    """The REST API of one account."""

    def __init__(self, account: Account, scheduler: Scheduler) -> None:
        self._account = account
        self._endpoints = [endpoint(account, scheduler) for endpoint in ENDPOINTS]
        self._elsewhere = [endpoint(account, scheduler) for endpoint in ELSEWHERE]

    def blueprints(self) -> tuple[Blueprint, Blueprint]:
        """The API of an account, and those that have no account in their paths."""
        api = Blueprint("rest", __name__, url_prefix=f"/{API_VERSION}/Accounts/<account_sid>")
        own = (Route("/Balance.json", "GET", self.balance),)
        public = _add(api, (*own, *(route for endpoint in self._endpoints for route in endpoint.routes())))
        # Its path is the prefix and a suffix, which no rule of this blueprint can be.
        api.record(
            lambda state: state.app.add_url_rule(
                f"/{API_VERSION}/Accounts/<account_sid>.json", "rest.get_account", self.get_account
            )
        )
        api.url_value_preprocessor(_store_account_sid)
        api.before_request(self._authenticate_except(public))
        other = Blueprint("rest_v1", __name__, url_prefix="/v1")
        _add(other, tuple(route for endpoint in self._elsewhere for route in endpoint.routes()))
        other.before_request(self._authenticate)
        return api, other

    def _authenticate_except(self, public: set[str]) -> Callable[[], None]:
        def authenticate() -> None:
            if request.endpoint not in public:
                self._authenticate()
            if g.account_sid != self._account.settings.account_sid:
                raise RestError(20404, request.path)

        return authenticate

    def _authenticate(self) -> None:
        """Require the account's SID and token, or the API key and its secret (20003)."""
        settings, credentials = self._account.settings, request.authorization
        user, password = (credentials.username or "", credentials.password or "") if credentials else ("", "")
        given = f"{user}:{password}".encode()
        valid = hmac.compare_digest(given, f"{settings.account_sid}:{settings.auth_token}".encode())
        valid |= hmac.compare_digest(given, settings.api_key.encode())
        if not valid or self._account.fault_injector.faults.auth:
            raise RestError(20003)

    def get_account(self) -> Response:
        """https://www.twilio.com/docs/iam/api/account"""
        settings, now = self._account.settings, rfc2822(self._account.settings.now())
        sid = settings.account_sid
        names = ("Balance", "Calls", "Conferences", "IncomingPhoneNumbers", "Messages", "Recordings")
        links = {_snake(name): f"{self._account.uri}/{name}.json" for name in names}
        return jsonify(
            {
                "auth_token": settings.auth_token,
                "date_created": now,
                "date_updated": now,
                "friendly_name": "Simulator",
                "owner_account_sid": sid,
                "sid": sid,
                "status": "active",
                "subresource_uris": links,
                "type": "Full",
                "uri": request.path,
            }
        )

    def balance(self) -> Response:
        """https://www.twilio.com/docs/usage/api: nothing costs anything here."""
        return jsonify({"account_sid": self._account.settings.account_sid, "balance": "100.00", "currency": "USD"})


def _add(blueprint: Blueprint, routes: tuple[Route, ...]) -> set[str]:
    """Register routes; returns the endpoints that need no credentials."""
    public = set()
    for place, route in enumerate(routes):
        name = f"{route.view.__name__}_{place}"
        blueprint.add_url_rule(route.rule, name, route.view, methods=[route.method])
        if route.public:
            public.add(f"{blueprint.name}.{name}")
    return public


def _snake(name: str) -> str:
    return "".join(("_" if letter.isupper() and place else "") + letter.lower() for place, letter in enumerate(name))


def _store_account_sid(_endpoint: str | None, values: dict[str, Any] | None) -> None:
    g.account_sid = (values or {}).pop("account_sid", "")
