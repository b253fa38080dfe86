"""`infoline worker` and `infoline clock`: each replaces this process by one of the worker package."""

from __future__ import annotations

import os
import sys

import click


@click.command()
def worker() -> None:
    """Send due reminders and reconcile uncertain ones."""
    _exec_worker()


@click.command()
def clock() -> None:
    """Look for due work and start jobs for the workers."""
    _exec_worker("clock")


def _exec_worker(*arguments: str) -> None:
    os.execv(sys.executable, [sys.executable, "-m", "worker", *arguments])  # noqa: S606 - no shell
