"""What a command is doing now, on standard error: so that its output has the results alone."""

from __future__ import annotations

import sys

import click

# Moves to the start of the line, and erases it: https://en.wikipedia.org/wiki/ANSI_escape_code#CSI_sequences
ERASE = "\r\x1b[K"


class ProgressLine:
    """One line that is rewritten and in the end erased on a terminal, and a line for each step elsewhere."""

    def __init__(self) -> None:
        self._rewrites = sys.stderr.isatty()
        self._shown = ""

    def show(self, step: str) -> None:
        """Show a step of at most 79 characters in place of the one before."""
        click.echo(f"{ERASE}{step}" if self._rewrites else step, nl=not self._rewrites, err=True)
        self._shown = step

    def clear(self) -> None:
        if self._rewrites and self._shown:
            click.echo(ERASE, nl=False, err=True)
        self._shown = ""

    def warn(self, text: str) -> None:
        """Print text that stays, above the line."""
        shown = self._shown
        self.clear()
        click.echo(text, err=True)
        if shown and self._rewrites:
            self.show(shown)
