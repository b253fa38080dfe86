"""The rows of a file, for tests that do not look at its warnings."""

from __future__ import annotations

from ivr.reminders.imports.files import ReadOptions
from ivr.reminders.imports.files import read_rows as read_with_warnings


def read_rows(path, **options):
    return read_with_warnings(path, ReadOptions(**options), [])
