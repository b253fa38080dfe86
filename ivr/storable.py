"""Which text a database can store."""

from __future__ import annotations

import re

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""NUL, which PostgreSQL refuses, and halves of surrogate pairs, which have no encoding."""


def is_storable(value: object) -> bool:
    """Whether a database can store all text of a JSON value, the names of its fields included."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, str):
            if UNSTORABLE.search(each):
                return False
        elif isinstance(each, dict):
            waiting += [*each, *each.values()]
        elif isinstance(each, list):
            waiting += each
    return True
