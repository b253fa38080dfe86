"""POST requests with an Idempotency-Key, which a client may repeat: they take effect once, and get the same answer.

A request and its answer are one transaction, so that a crash leaves both or neither. An import takes many; it stores
what it imports in the one that makes it live, from which a repetition makes the answer.

https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from flask import Flask, Response, g, request
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from ivr import clock, log
from ivr.ledger import Ledger, LedgerUnavailable, Vault
from ivr.ledger.engine import raises_unavailable
from ivr.ledger.joined import JoinedLedger
from ivr.web.api import repeated
from ivr.web.api.bodies import close_body, spool_body
from ivr.web.api.problems import ProblemError, unavailable
from ivr.web.api.repeated import RequestName

HEADER = "Idempotency-Key"
WAIT_SECONDS, POLL_SECONDS = 20.0, 0.1
MAX_LENGTH = 255
_IMPORTS = frozenset({"batches.create", "fhir.receive"})
_STORED_HEADERS = ("Content-Type", "Location", "ETag")


class _Claim(Enum):
    OURS = auto()
    RUNNING = auto()


@dataclass(frozen=True)
class _Transaction:
    """The one of a request and its answer. ended: ends it."""

    connection: Connection
    ended: ExitStack

    def roll_back(self) -> None:
        with raises_unavailable(), self.ended:
            self.connection.rollback()


def repeatable() -> RequestName | None:
    """The name of this request, if it can be repeated."""
    found: RequestName | None = g.get("repeatable")
    return found


class Idempotency:
    """Answers repeated requests. Call `install` after the gate's, because the names belong to a key."""

    def __init__(self, ledger: Ledger, vault: Vault, sleep: Callable[[float], None] = time.sleep) -> None:
        self._ledger, self._vault, self._sleep = ledger, vault, sleep

    def install(self, app: Flask) -> None:
        app.before_request(self._begin)
        app.after_request(self._finish)
        app.teardown_request(close_body)
        app.teardown_request(_abandon)

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
        asked = RequestName(g.api_key.id, self._vault.hash(f"idempotency key {name}"))
        begin = self._begin_import if request.endpoint in _IMPORTS else self._begin_transaction
        return begin(asked, content)

    def _begin_transaction(self, asked: RequestName, content: str) -> Response | None:
        """The answer of the first request, or None if this one is the first: its transaction is open then.

        A repetition waits for the transaction of the first one.
        """
        for _ in range(2):
            try:
                with ExitStack() as stack:
                    connection = stack.enter_context(self._ledger.write())
                    found = self._claim(connection, asked, content, clock.now())
                    if isinstance(found, Response):
                        return found
                    if found is _Claim.OURS:
                        g.repeatable, g.ledger = asked, JoinedLedger(self._ledger, connection)
                        g.transaction = _Transaction(connection, stack.pop_all())
                        return None
            except IntegrityError:
                # On PostgreSQL: the first one has just ended.
                continue
        raise _still_running()

    def _begin_import(self, asked: RequestName, content: str) -> Response | None:
        """The answer of the first request, or None if this one does the work. Waits while the first one runs."""
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                with self._ledger.write() as connection:
                    found = self._claim(connection, asked, content, clock.now())
            except IntegrityError:
                found = _Claim.RUNNING
            if isinstance(found, Response):
                return found
            if found is _Claim.OURS:
                g.repeatable = asked
                return None
            if time.monotonic() > deadline:
                raise _still_running()
            self._sleep(POLL_SECONDS)

    def _claim(self, connection: Connection, asked: RequestName, content: str, now: datetime) -> Response | _Claim:
        row = repeated.find(connection, asked, now)
        if row is None:
            repeated.add(connection, asked, content, now)
            return _Claim.OURS
        if row.content_hash != content:
            raise ProblemError("idempotency_reused")
        if row.answer_sealed is not None:
            return _response(self._vault.open(row.answer_sealed))
        return _Claim.OURS if row.import_sealed is not None else _Claim.RUNNING

    def _finish(self, response: Response) -> Response:
        """Store the answer. After a failure on our side, nothing is stored, and the client may start over."""
        asked, transaction = repeatable(), g.pop("transaction", None)
        try:
            if asked is None:
                pass
            elif transaction is None:
                with self._ledger.write() as connection:
                    self._store(connection, asked, response)
            elif response.status_code >= 500:
                transaction.roll_back()
            else:
                with transaction.ended:
                    self._store(transaction.connection, asked, response)
        except LedgerUnavailable:
            log.get_logger().error("api_answer_lost", endpoint=request.endpoint)
            # What was imported is stored already.
            return response if transaction is None else unavailable()
        return response

    def _store(self, connection: Connection, asked: RequestName, response: Response) -> None:
        if response.status_code >= 500:
            repeated.forget(connection, asked)
        else:
            repeated.store_answer(connection, asked, self._vault.seal(_stored(response)))


def _abandon(_error: BaseException | None = None) -> None:
    """Undo a request that ended without an answer."""
    transaction: _Transaction | None = g.pop("transaction", None)
    if transaction is not None:
        transaction.roll_back()


def _still_running() -> ProblemError:
    return ProblemError("still_running", headers={"Retry-After": "5"})


def _stored(response: Response) -> str:
    headers = {name: response.headers[name] for name in _STORED_HEADERS if name in response.headers}
    return json.dumps([response.status_code, headers, response.get_data(as_text=True)])


def _response(stored: str) -> Response:
    status, headers, body = json.loads(stored)
    return Response(body, status, headers)
