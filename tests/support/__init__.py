"""Helpers that the tests of several folders share. Fixtures belong to conftest.py."""
