"""The id that connects the log lines of a request with those of the job that it starts."""

from __future__ import annotations

import re
import secrets
from contextvars import ContextVar
from itertools import count
from typing import TypeGuard

current: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request or the job that this thread works for, or empty."""
# The letter keeps the digits apart: the log redacts ten in a row as a phone number.
_ID = re.compile(r"[0-9a-f]{8}x[0-9a-f]{1,9}")
_process = secrets.token_hex(4)
_numbers = count(1)


def new_id() -> str:
    """An id that no other request of any process has: random for the process, counted within it."""
    return f"{_process}x{next(_numbers):x}"


def is_id(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and _ID.fullmatch(value) is not None
