"""What the resources of the REST API share: their routes, and answers in Twilio's format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from flask import Response, jsonify

from simulator.account import Account
from simulator.scheduler import Scheduler


class Route(NamedTuple):
    """One URL below the account. public: needs no credentials, as Twilio's files."""

    rule: str
    method: str
    view: Callable[..., Any]
    public: bool = False


@dataclass(frozen=True)
class Endpoint:
    """One kind of resource."""

    account: Account
    scheduler: Scheduler

    def routes(self) -> tuple[Route, ...]:
        raise NotImplementedError


def created(resource: dict[str, Any]) -> Response:
    response = jsonify(resource)
    response.status_code = 201
    return response


def deleted() -> Response:
    return Response(status=204)
