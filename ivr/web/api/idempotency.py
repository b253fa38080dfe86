"""POST requests with an Idempotency-Key, which a client may repeat: they take effect once, and get the same answer.

https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from flask import Flask, Response, g, request
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from ivr import clock, log
from ivr.ledger import Ledger, LedgerUnavailable, Vault
from ivr.ledger.tables import api_request
from ivr.web.api.bodies import close_body, spool_body
from ivr.web.api.problems import ProblemError

HEADER = "Idempotency-Key"
KEPT = timedelta(days=1)
# A request that runs longer has ended with its process; the next client that repeats it does the work.
LEASE = timedelta(minutes=10)
WAIT_SECONDS, POLL_SECONDS = 20.0, 0.1
MAX_LENGTH = 255
_STORED_HEADERS = ("Content-Type", "Location", "ETag")


class _Claim(Enum):
    OURS = auto()
    RUNNING = auto()


@dataclass(frozen=True)
class _Request:
    """A request that can be repeated. name, content: keyed hashes."""

    key_id: int
    name: str
    content: str


class Idempotency:
    """Answers repeated requests. Call `install` after the gate's, because the names belong to a key."""

    def __init__(self, ledger: Ledger, vault: Vault, sleep: Callable[[float], None] = time.sleep) -> None:
        self._ledger, self._vault, self._sleep = ledger, vault, sleep

    def install(self, app: Flask) -> None:
        app.before_request(self._begin)
        app.after_request(self._finish)
        app.teardown_request(close_body)

    def _begin(self) -> Response | None:
        if request.method not in ("POST", "PUT") or "api_key" not in g:
            return None
        digest = spool_body(request.environ)
        name = request.headers.get(HEADER)
        if name is None or request.method != "POST":
            return None
        if not 0 < len(name) <= MAX_LENGTH or not (name.isascii() and name.isprintable()):
            raise ProblemError("idempotency_key")
        parts = (request.method, request.full_path, request.mimetype, digest)
        content = self._vault.hash("api request " + hashlib.sha256("\n".join(parts).encode()).hexdigest())
        asked = _Request(g.api_key.id, self._vault.hash(f"idempotency key {name}"), content)
        answer = self._claim_or_wait(asked)
        if answer is None:
            g.idempotent = asked
        return answer

    def _claim_or_wait(self, asked: _Request) -> Response | None:
        """The answer of the first request, or None if this one is the first. Waits while the first one runs."""
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            found = self._claim(asked, clock.now())
            if isinstance(found, Response):
                return found
            if found is _Claim.OURS:
                return None
            if time.monotonic() > deadline:
                raise ProblemError("still_running", headers={"Retry-After": "5"})
            self._sleep(POLL_SECONDS)

    def _claim(self, asked: _Request, now: datetime) -> Response | _Claim:
        is_same = (api_request.c.key_id == asked.key_id) & (api_request.c.name_hash == asked.name)
        with self._ledger.read() as connection:
            row = connection.execute(select(api_request).where(is_same)).first()
        if row is not None and now - row.started_at < KEPT:
            if row.content_hash != asked.content:
                raise ProblemError("idempotency_reused")
            if row.answer_sealed is not None:
                return _response(self._vault.open(row.answer_sealed))
            if now - row.started_at < LEASE:
                return _Claim.RUNNING
        values = {"content_hash": asked.content, "started_at": now, "answer_sealed": None}
        try:
            with self._ledger.write() as connection:
                connection.execute(delete(api_request).where(api_request.c.started_at < now - KEPT))
                if row is not None and now - row.started_at < KEPT:
                    # Only one of those who repeat an interrupted request takes it over.
                    is_row = (api_request.c.id == row.id) & (api_request.c.started_at == row.started_at)
                    taken = connection.execute(update(api_request).where(is_row).values(values)).rowcount
                    return _Claim.OURS if taken else _Claim.RUNNING
                connection.execute(insert(api_request).values(key_id=asked.key_id, name_hash=asked.name, **values))
        except IntegrityError:
            return _Claim.RUNNING
        return _Claim.OURS

    def _finish(self, response: Response) -> Response:
        """Store the answer; after a failure on our side, the client may try again with the same key."""
        asked: _Request | None = g.get("idempotent")
        if asked is None:
            return response
        try:
            self._store(asked, response)
        except LedgerUnavailable:
            # After the lease, a client that repeats the request does it again; no request does harm when done twice.
            log.get_logger().error("api_answer_lost", endpoint=request.endpoint)
        return response

    def _store(self, asked: _Request, response: Response) -> None:
        is_same = (api_request.c.key_id == asked.key_id) & (api_request.c.name_hash == asked.name)
        with self._ledger.write() as connection:
            if response.status_code >= 500:
                connection.execute(delete(api_request).where(is_same))
            else:
                sealed = self._vault.seal(_stored(response))
                connection.execute(update(api_request).where(is_same).values(answer_sealed=sealed))


def _stored(response: Response) -> str:
    headers = {name: response.headers[name] for name in _STORED_HEADERS if name in response.headers}
    return json.dumps([response.status_code, headers, response.get_data(as_text=True)])


def _response(stored: str) -> Response:
    status, headers, body = json.loads(stored)
    return Response(body, status, headers)
