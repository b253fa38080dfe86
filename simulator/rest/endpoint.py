"""What the resources of the REST API share: their routes, and answers in Twilio's format."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, NamedTuple

from flask import Response, jsonify, request

from simulator.account import Account
from simulator.rest.errors import RestError
from simulator.rest.fields import Form
from simulator.scheduler import Scheduler

_SHOWN_NAMES, _SHOWN_LETTERS = 10, 50


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

    def check(self, form: Form, names: Collection[str]) -> None:
        """Log a warning about unknown fields, as Twilio does: https://www.twilio.com/docs/api/errors/20001

        Raises RestError 20001 for a field that cannot be simulated, and, if strict, for an unknown one.
        """
        for name in names:
            if name in form.unsupported:
                raise RestError(20001, f"Twilio accepts {name}, but the simulator does not support it.")
        unknown = [name[:_SHOWN_LETTERS] for name in names if name not in form.known]
        if not unknown:
            return
        sentence = f"Unknown parameters in the request: {', '.join(unknown[:_SHOWN_NAMES])}"
        if self.account.settings.strict:
            raise RestError(20001, sentence)
        self.account.log_warning(20001, request.path, f"{sentence}. They were ignored.")


def created(resource: dict[str, Any]) -> Response:
    response = jsonify(resource)
    response.status_code = 201
    return response


def deleted() -> Response:
    return Response(status=204)
