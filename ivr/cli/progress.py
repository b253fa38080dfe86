"""What a command is doing now, on standard error: so that its output has the results alone."""

from __future__ import annotations

import sys

from ivr.cli.console import clean, note

# Moves to the start of the line, and erases it: https://en.wikipedia.org/wiki/ANSI_escape_code#CSI_sequences
ERASE = "\r\x1b[K"


class ProgressLine:
    """One line that is rewritten and in the end erased on a terminal, and a line for each step elsewhere."""

    def __init__(self) -> None:
        self._rewrites = sys.stderr.isatty()
        self._shown = ""

    def show(self, step: str) -> None:
        """Show a step of at most 79 characters in place of the one before."""
        if self._rewrites:
            self._write(clean(step))
        else:
            note(step)
        self._shown = step

    def clear(self) -> None:
        if self._rewrites and self._shown:
            self._write("")
        self._shown = ""

    def warn(self, text: str) -> None:
        """Print text that stays, above the line."""
        shown = self._shown
        self.clear()
        note(text)
        if shown and self._rewrites:
            self.show(shown)

    @staticmethod
    def _write(text: str) -> None:
        sys.stderr.write(ERASE + text)
        sys.stderr.flush()
