"""An outage of the database or the queue, as a process logs it: one line when it begins and one when it ends."""

from __future__ import annotations

from ivr import log, queues
from ivr.ledger import LedgerUnavailable

UNAVAILABLE = (LedgerUnavailable, *queues.UNAVAILABLE)
"""What an unavailable database or queue raises."""


class Outage:
    """process: `clock` or `worker`, the first word of the logged events."""

    def __init__(self, process: str) -> None:
        self._process = process
        self.is_active = False

    def begin(self, error: Exception) -> None:
        """Log that the process is interrupted, unless it already was. An unexpected error is logged as one."""
        if self.is_active:
            return
        self.is_active = True
        logger, reason = log.get_logger(), type(error).__name__
        if isinstance(error, UNAVAILABLE):
            logger.warning(f"{self._process}_interrupted", reason=reason)
        else:
            logger.error(f"{self._process}_failed", reason=reason, exc_info=error)

    def end(self) -> None:
        """Log that the process works again, if it was interrupted."""
        if self.is_active:
            log.get_logger().info(f"{self._process}_resumed")
        self.is_active = False
