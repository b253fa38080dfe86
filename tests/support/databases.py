"""Marks for tests that use a database."""

from __future__ import annotations

import pytest

on_one_database = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
"""For behavior that does not depend on the database, in a test whose fixtures would run it on each."""
