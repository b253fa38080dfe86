"""Logging: JSON lines for machines, readable lines on a terminal, and never a phone number."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

_PHONE_NUMBER = re.compile(r"\+?\d[\d\-\u2010-\u2015./ \u00a0()]{8,}\d")


def _redact_numbers(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace everything that looks like a phone number: the last safeguard before a line is written."""
    for key, value in event.items():
        if key != "timestamp":
            event[key] = _redacted(value)
    return event


def _redacted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_redacted(key): _redacted(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redacted(item) for item in value]
    if value is None or isinstance(value, bool | float):
        return value
    redacted = _PHONE_NUMBER.sub("[number]", str(value))
    return value if redacted == str(value) and isinstance(value, int) else redacted


def configure() -> None:
    """Set up logging for this process, to standard error."""
    import structlog

    # The Twilio SDK logs URLs with phone numbers in their query at INFO.
    logging.getLogger("twilio").setLevel(logging.WARNING)
    renderer: Any = structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _redact_numbers,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def log_start(process: str, **fields: Any) -> None:
    """Log that a process of the line starts. fields: what identifies its configuration; never a secret."""
    from importlib.metadata import version

    get_logger().info("process_started", process=process, version=version("infoline"), **fields)


def get_logger() -> Any:
    """A logger. Its methods take an event and fields: `.info("plan_changed", appointments=3)`."""
    # Not every command logs, and the library takes long to import.
    import structlog

    return structlog.get_logger()
