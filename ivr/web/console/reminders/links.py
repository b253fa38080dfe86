"""Links to pages of other areas."""

from __future__ import annotations

from typing import Any

from flask import current_app, url_for

_APPOINTMENT = "people.appointment"


def appointment_url(row_id: int, appointment_id: str) -> str:
    """The page of an appointment; empty if this console has none."""
    if _APPOINTMENT not in current_app.view_functions:
        return ""
    rule = next(current_app.url_map.iter_rules(_APPOINTMENT))
    name = next(iter(rule.arguments))
    value: Any = row_id if f"<int:{name}>" in rule.rule else appointment_id
    return url_for(_APPOINTMENT, **{name: value})
