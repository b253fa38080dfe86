"""Changing single values and items of a YAML document."""

from __future__ import annotations

import pytest

from ivr.line.content.yaml_edit import append_item, remove_item, set_value
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


LISTS = (
    "plan:\n  - {id: 7d}  # first\n  # above the second\n  - {id: 2d}\n  - {id: 1d}  # last\nafter: 1\n",
    "plan:\n- id: 7d\n  before: 7d  # first\n-\n  id: 2d\n- id: 1d",
    "plan: [{id: 7d}, {id: 2d}, {id: 1d}]  # all\nafter: 1\n",
    "plan: [\n  {id: 7d},\n  {id: 2d},\n  {id: 1d},\n]\n",
)


def ids(document):
    return [item["id"] for item in read_yaml("x", document).value["plan"]]


@pytest.mark.parametrize("document", LISTS)
def test_an_item_is_added_at_the_end_and_comments_stay(document):
    changed = append_item(document, ("plan",), "{id: 3h, late: 1h}")
    assert ids(changed) == ["7d", "2d", "1d", "3h"]
    assert changed.count("#") == document.count("#")
    assert ("after: 1" in changed) == ("after: 1" in document)


def test_the_first_item_of_an_empty_list_is_added():
    assert append_item("plan: []\n", ("plan",), "{id: 1d}") == "plan: [{id: 1d}]\n"


@pytest.mark.parametrize("document", LISTS)
@pytest.mark.parametrize("index", [0, 1, 2])
def test_one_item_is_removed_and_the_others_stay(document, index):
    changed = remove_item(document, ("plan",), index)
    assert ids(changed) == [name for place, name in enumerate(("7d", "2d", "1d")) if place != index]
    assert ("after: 1" in changed) == ("after: 1" in document)


@pytest.mark.parametrize(
    ("document", "path", "index"),
    [(LISTS[0], ("plan",), 3), (LISTS[0], ("after",), 0), (LISTS[0], ("none",), 0), ("plan:\n  - 1\n", ("plan",), 0)],
)
def test_an_item_that_is_not_there_and_the_only_one_are_not_removed(document, path, index):
    with pytest.raises(KeyError):
        remove_item(document, path, index)


def test_nothing_is_added_where_there_is_no_list():
    with pytest.raises(KeyError):
        append_item(LISTS[0], ("after",), "1")


RECORDS = "a:\n  - {id: 1}\nb:\n  - id: 1\n    c: [2]  # why\n# between\n  - id: 2\n    d: 3\n\n# end\ne: 4\n"


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        (0, RECORDS.replace("  - id: 1\n    c: [2]  # why\n", "")),
        (1, RECORDS.replace("  - id: 2\n    d: 3\n", "")),
    ],
)
def test_a_record_of_a_list_is_removed_and_comments_stay(index, expected):
    assert remove_item(RECORDS, ("b",), index) == expected


def test_a_record_is_added_after_the_last_one():
    expected = RECORDS.replace("    d: 3\n", "    d: 3\n  - id: 3\n    f: {g: h}\n")
    assert append_item(RECORDS, ("b",), "id: 3\nf: {g: h}") == expected
    assert append_item("b:\n- id: 1", ("b",), "id: 2") == "b:\n- id: 1\n- id: 2\n"


@pytest.mark.parametrize(("document", "path"), [(RECORDS, ("e",)), (RECORDS, ("nothing",)), ("b: [{id: 1}]\n", ("b",))])
def test_an_item_of_several_lines_needs_a_list_in_lines(document, path):
    with pytest.raises(KeyError):
        append_item(document, path, "id: 3\nf: 1")
