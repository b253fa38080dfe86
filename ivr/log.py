"""Log lines: JSON for machines, plain on a terminal, and never a phone number."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

_NUMBER = re.compile(r"\+?\d[\d\-\u2010-\u2015./ \u00a0()]{8,}\d")


def _without_numbers(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The last guard: whatever looks like a phone number is blotted out before a line is written."""
    for key, value in event.items():
        if key != "timestamp":
            event[key] = _blotted(value)
    return event


def _blotted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_blotted(key): _blotted(held) for key, held in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_blotted(held) for held in value]
    if value is None or isinstance(value, bool | float):
        return value
    words = _NUMBER.sub("[number]", str(value))
    return value if words == str(value) and isinstance(value, int) else words


def configure() -> None:
    """Set up logging for this process; lines go to standard error."""
    # The SDK logs URLs with query parameters, and so phone numbers, at INFO.
    logging.getLogger("twilio").setLevel(logging.WARNING)
    renderer: Any = structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _without_numbers,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def get_logger() -> Any:
    """A logger; call it with an event's name and fields: `log.info("import_done", batch=3)`."""
    return structlog.get_logger()
