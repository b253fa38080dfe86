"""Writes into the database of a running line what only a caller at night or a feed would."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection

from ivr.ledger import Vault, open_ledger
from ivr.people.callbacks import CallbackRequest, save_callback
from ivr.settings import load
from tests.e2e.running import RunningLine


@contextmanager
def writing(line: RunningLine) -> Iterator[tuple[Connection, Vault]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VAR_DIR", str(line.var_dir))
        settings = load()
    ledger = open_ledger(settings.database_url)
    with ledger.write() as connection:
        yield connection, Vault.of(settings)
    ledger.close()


def ask_to_be_called(line: RunningLine, number: str, topic: str | None, call: int) -> None:
    """What a caller does at night: the line of these tests runs in the morning. call: from 0, a different one each."""
    request = CallbackRequest(number, "es" if call else "en", "breast-health-center", topic, "morning", f"CA{call}")
    with writing(line) as (connection, vault):
        save_callback(connection, vault, request, datetime(2026, 12, 1, 1 + call, 30, tzinfo=UTC))
