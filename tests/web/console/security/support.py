"""Every endpoint of the console with an address, and what a browser sends to it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from flask import Flask
from werkzeug.routing import Rule

from ivr.ledger.tables import metadata
from tests.web.console.conftest import Console

# Not used, so that nobody may open them: help by mail for a lost phone, choosing one of several second factors, and the
# library's own files.
UNUSED = frozenset({"security.two_factor_rescue", "security.tf_select", "security.static"})
VALUES = {
    "batch_id": "1",
    "appointment_id": "A1",
    "person_id": "1",
    "item_id": "1",
    "user_id": "1",
    "key_id": "1",
    "entry": "central-scheduling",
    "number": "1",
    "language": "en",
    "name": "cancer",
    "target": "cancer-1",
    "upload_id": "0" * 32,
    "day": "2026-12-08",
    "token": "made-up",
    "filename": "console.css",
    "change": "opt-out",
    "kind": "cancel",
}
# Where another value is needed than in VALUES.
_FILES = {"bootstrap.static": "css/bootstrap.min.css"}
# A list of choices, and the name of the argument.
_CHOICES = re.compile(r"<any\('([^']*)'[^>]*\):(\w+)>")


@dataclass(frozen=True)
class Address:
    """An endpoint with a method and a path."""

    endpoint: str
    method: str
    path: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def addresses(app: Flask, *methods: str) -> list[Address]:
    """All endpoints with these methods. Raises KeyError for an argument without a value in VALUES."""
    return sorted(
        (
            Address(rule.endpoint, method, _path(rule))
            for rule in app.url_map.iter_rules()
            for method in methods
            if method in (rule.methods or ()) and rule.endpoint not in UNUSED
        ),
        key=str,
    )


def _path(rule: Rule) -> str:
    without_choices = _CHOICES.sub(lambda found: VALUES.get(found[2], found[1]), rule.rule)
    values = {**VALUES, "filename": _FILES.get(rule.endpoint, VALUES["filename"])}
    return re.sub(r"<(?:\w+(?:\([^)]*\))?:)?(\w+)>", lambda found: values[found[1]], without_choices)


Rows = dict[str, list[tuple[Any, ...]]]


def rows_of(console: Console, *left_out: str) -> Rows:
    """Everything in the database, except some columns. Sealed values are opened: they are sealed differently each time.

    left_out: columns as `table.column`, or tables.
    """
    vault = console.services.vault
    found: Rows = {}
    with console.services.ledger.read() as connection:
        for table in metadata.sorted_tables:
            if table.name in left_out:
                continue
            columns = [column for column in table.columns if str(column) not in left_out]
            found[table.name] = [
                tuple(
                    vault.open(value) if column.name.endswith("_sealed") and value else value
                    for column, value in zip(columns, row, strict=True)
                )
                for row in connection.execute(table.select().with_only_columns(*columns))
            ]
    return found
