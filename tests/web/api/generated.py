"""Requests that schemathesis generates from the OpenAPI document, and what was answered to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import schemathesis
from hypothesis import strategies

from tests.support.clinic import at, csv_text, row
from tests.support.workbooks import workbook
from tests.web.api.conftest import booking

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_NUMBERS = strategies.integers(1, 99)
_WORDS = strategies.sampled_from(["booked", "cancelled", "attended", "missed"])
_HEADER = ("appointment_id", "phone", "starts_at", "site", "status")


@strategies.composite
def _rows(draw: Any) -> list[dict[str, str]]:
    numbers = draw(strategies.lists(_NUMBERS, min_size=1, max_size=3))
    return [row(number, at(1 + number % 20), site="elliot", status=draw(_WORDS)) for number in numbers]


def _sheet(rows: list[dict[str, str]]) -> bytes:
    return workbook({"Sheet1": [_HEADER, *([each[name] for name in _HEADER] for each in rows)]})


schemathesis.openapi.media_type("text/csv", _rows().map(csv_text).map(str.encode))
schemathesis.openapi.media_type(XLSX, _rows().map(_sheet))


def _possible(body: Any) -> Any:
    """A generated body with what a schema cannot say: numbers that exist, times ahead, and references that lead on.

    A body that is wrong on purpose may have any form.
    """
    if not isinstance(body, dict):
        return body
    if body.get("resourceType") == "Appointment":
        return _possible_appointment(body)
    if body.get("resourceType") == "Bundle":
        return {**body, "entry": _each(body.get("entry"), lambda _, entry: _possible_entry(entry))}
    return {**body, "appointments": _each(body["appointments"], _possible_row)} if "appointments" in body else body


def _each(items: Any, change: Callable[[int, dict[str, Any]], dict[str, Any]]) -> Any:
    if not isinstance(items, list):
        return items
    return [change(number, item) if isinstance(item, dict) else item for number, item in enumerate(items)]


def _possible_entry(generated: dict[str, Any]) -> dict[str, Any]:
    return {**generated, "resource": _possible(generated.get("resource"))}


def _possible_row(number: int, generated: dict[str, Any]) -> dict[str, Any]:
    kept = {name: generated[name] for name in generated if name in ("appointment_id", "first_name")}
    return {**booking(number), **kept}


def _possible_appointment(generated: dict[str, Any]) -> dict[str, Any]:
    patient = {"resourceType": "Patient", "id": "p", "telecom": [{"system": "phone", "value": "603-555-0107"}]}
    actors = ("#p", "Location/elliot")
    people = [{"actor": {"reference": actor}, "status": "accepted"} for actor in actors]
    return {**generated, "id": "F1", "identifier": [], "start": at(8), "contained": [patient], "participant": people}


Answers = Counter[tuple[str, str, int]]
"""How often a POST to a path, with a body of a media type, was answered with a status."""


def watch(schema: Any) -> Answers:
    """Half of the bodies that are generated from now on can be imported. Returns what will be answered to them."""
    answers: Answers = Counter()

    @schema.hook
    def flatmap_body(_context: Any, body: Any) -> Any:
        return strategies.sampled_from([body, _possible(body)])

    @schema.hook
    def after_call(_context: Any, case: Any, response: Any) -> None:
        if case.method == "POST":
            answers[case.operation.path, case.media_type or "", response.status_code] += 1

    return answers


def imported(answers: Answers, path: str) -> set[str]:
    """The media types of which a body was imported."""
    return {media for at, media, status in answers if at == path and status in (200, 201)}
