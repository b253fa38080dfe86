"""Logging: JSON lines for machines, readable lines on a terminal, and never a phone number.

Every line that a request causes has the request's id, in the web process and in the job that it starts.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
from collections.abc import Mapping, MutableMapping
from types import TracebackType
from typing import Any, TypeGuard

from ivr import request_ids, version

_PHONE_NUMBER = re.compile(r"\+?\d[\d\-\u2010-\u2015./ \u00a0()]{8,}\d")


def _add_request(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    request = request_ids.current.get()
    if request:
        event["request"] = request
    return event


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


def without_numbers(sentence: str) -> str:
    """A sentence for people, with everything that looks like a phone number replaced."""
    return _PHONE_NUMBER.sub("[number]", sentence)


def configure() -> None:
    """Set up logging for this process, to standard error: our events, library log records, warnings, and crashes.

    Every event is one line (JSON, unless on a terminal) without phone numbers. Calling it again changes nothing.
    """
    import structlog

    renderer: Any = structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    before: list[Any] = [
        _add_request,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    after: list[Any] = [structlog.processors.format_exc_info, _redact_numbers, renderer]
    structlog.configure(
        processors=[*before, *after],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    _capture_libraries(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*before, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *after],
        )
    )
    sys.excepthook = _log_crash
    threading.excepthook = lambda crash: _log_crash(crash.exc_type, crash.exc_value, crash.exc_traceback)


class _StandardError(logging.StreamHandler[Any]):
    """Writes library log records to what is standard error at that moment."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


def _capture_libraries(formatter: logging.Formatter) -> None:
    """Send the log records of all libraries from WARNING up, and warnings, to one handler."""
    root = logging.getLogger()
    for logger in (root, *filter(_has_own_output, logging.Logger.manager.loggerDict.values())):
        for handler in list(logger.handlers):
            # Handlers of other types collect records, as those of pytest do.
            if type(handler) is logging.StreamHandler or isinstance(handler, _StandardError):
                logger.removeHandler(handler)
        logger.propagate = True
    handler = _StandardError()
    handler.setFormatter(formatter)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    # The Twilio SDK logs URLs with phone numbers in their query at INFO.
    logging.getLogger("twilio").setLevel(logging.WARNING)
    logging.captureWarnings(True)


def _has_own_output(logger: object) -> TypeGuard[logging.Logger]:
    return isinstance(logger, logging.Logger) and bool(logger.handlers)


def _log_crash(kind: type[BaseException], error: BaseException | None, traceback: TracebackType | None) -> None:
    """Log an exception that nothing caught, as sys.excepthook does without JSON."""
    if error is None or issubclass(kind, KeyboardInterrupt | SystemExit):
        return
    get_logger().critical("process_crashed", exc_info=(kind, error, traceback))


def log_start(process: str, **fields: Any) -> None:
    """Log that a process of the line starts. fields: what identifies its configuration; never a secret."""
    running = {"version": version.release(), "commit": version.commit()}
    get_logger().info("process_started", process=process, **running, **fields)


def get_logger() -> Any:
    """A logger. Its methods take an event and fields: `.info("plan_changed", appointments=3)`."""
    # Not every command logs, and the library takes long to import.
    import structlog

    return structlog.get_logger()
