"""Who may call what: the key of each request, its role, and its rate limit."""

from __future__ import annotations

import math
from collections.abc import Mapping

from flask import Flask, g, request

from ivr import clock
from ivr.ledger import Ledger
from ivr.staff.api_keys import ApiKey, find_api_key, is_use_recorded, record_use
from ivr.staff.users import Role
from ivr.web.api.problems import ProblemError
from ivr.web.api.rate_limit import RateLimit

ANYONE = frozenset({"anyone"})
SCHEDULERS = frozenset({Role.SCHEDULER})
ALL = frozenset({Role.SCHEDULER, Role.OPERATOR})
Access = Mapping[str, frozenset[str]]
_SCHEME = "bearer "


class Gate:
    """Checks each request before its body is read.

    access: the roles of each endpoint; one that is not in it does not answer.
    """

    def __init__(self, ledger: Ledger, access: Access, limit: RateLimit) -> None:
        self._ledger, self.access, self._limit = ledger, access, limit

    def install(self, app: Flask) -> None:
        app.before_request(self._check)

    def _check(self) -> None:
        if request.endpoint is None:
            return
        allowed = self.access.get(request.endpoint, frozenset())
        if allowed == ANYONE:
            return
        key = self._key()
        if key.role not in allowed:
            raise ProblemError("role")
        self._count(key)
        g.api_key = key

    def _key(self) -> ApiKey:
        header = request.headers.get("Authorization", "")
        if not header.lower().startswith(_SCHEME):
            raise ProblemError("key_missing", headers={"WWW-Authenticate": "Bearer"})
        now = clock.now()
        with self._ledger.read() as connection:
            key = find_api_key(connection, header[len(_SCHEME) :].strip(), now)
        if key is None:
            raise ProblemError("key_invalid", headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
        if not is_use_recorded(key, now):
            with self._ledger.write() as connection:
                record_use(connection, key.id, now)
        return key

    def _count(self, key: ApiKey) -> None:
        if seconds := self._limit.take(key.id):
            raise ProblemError("too_many_requests", headers={"Retry-After": str(math.ceil(seconds))})
