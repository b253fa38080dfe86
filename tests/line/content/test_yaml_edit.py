"""Changing single values of a YAML document."""

from __future__ import annotations

import pytest

from ivr.line.content.yaml_edit import set_value
from ivr.line.content.yaml_source import read_yaml

DOCUMENT = """# Español: ñ
limits: {day: 1, week: 3}  # of texts
plan:
  - {id: 7d, before: 7d}  # first
  - id: 2d
    before: 2d  # second
empty: {}
"""
CASES = (
    (("limits", "day"), "2", "limits: {day: 2, week: 3}  # of texts"),
    (("limits", "hour"), "5", "limits: {day: 1, week: 3, hour: 5}  # of texts"),
    (("plan", 0, "before"), "5d", "  - {id: 7d, before: 5d}  # first"),
    (("plan", 0, "asks"), "true", "  - {id: 7d, before: 7d, asks: true}  # first"),
    (("plan", 1, "before"), '"36h"', '    before: "36h"  # second'),
    (("plan", 1, "asks"), "true", "  - asks: true\n    id: 2d\n    before: 2d  # second"),
    (("empty", "x"), "1", "empty: {x: 1}"),
    (("new", "deep", "value"), "1", "new: {deep: {value: 1}}\nlimits:"),
)


@pytest.mark.parametrize(("path", "value", "expected"), CASES)
def test_one_value_changes_and_comments_stay(path, value, expected):
    changed = set_value(DOCUMENT, path, value)
    assert expected in changed
    before, after = read_yaml("x", DOCUMENT).value, read_yaml("x", changed).value
    found = after
    for step in path:
        found = found[step]
    assert str(found) == value.strip('"') or (found is True and value == "true")
    assert before != after
    assert changed.count("#") == DOCUMENT.count("#")


@pytest.mark.parametrize("path", [("limits",), ("plan", 9, "before"), ("limits", "day", "x"), ("plan", "x")])
def test_a_path_that_leads_nowhere_is_refused(path):
    with pytest.raises(KeyError):
        set_value(DOCUMENT, path, "1")
