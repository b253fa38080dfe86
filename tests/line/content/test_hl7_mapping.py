"""hl7.yaml: read with its defaults, and every mistake reported where it is."""

from __future__ import annotations

import pytest

from ivr.line.content.hl7_mapping import FeedMapping, mapping_findings, read_mapping
from ivr.line.lint.runner import check_files
from tests.line.content.test_loader import SHIPPED
from tests.line.lint.test_runner import skip_the_graph

SITES = ("elliot", "nashua")
# (what is wrong, the file, line of the finding, part of its message)
FAULTS = [
    ("not YAML", "types: []\nphone: [", 3, "This is not valid YAML"),
    ("an unknown column", "types: [CT]\nphones: [PID-13]", 2, "`phones` is not a key here"),
    ("a field that is none", "phone:\n- PID-13\n- PID13", 3, "`PID13` is no field: write it like SCH-2.1"),
    ("one field instead of a list", "phone: PID-13", 1, "`phone`: Input should be a valid tuple"),
    ("an unknown zone", "types: []\n\ntimezone: Mars", 3, "`Mars` is no time zone"),
    ("a site that line.yaml has not", "sites:\n  MAIN: elliot\n  SOUTH: hudson", 3, "`hudson` is no site of line.yaml"),
    ("a list as the whole file", "- phone", 1, "`hl7.yaml`: Input should be a valid dictionary"),
    ("an alias", "phone: &a [PID-13]\nsite: *a", 1, "& and * are not used here"),
    ("a column twice", "types: []\ntypes: [CT]", 2, "`types` appears twice"),
]


@pytest.mark.parametrize(("label", "text", "line", "words"), FAULTS, ids=[case[0] for case in FAULTS])
def test_a_mistake_is_reported_where_it_is(label: str, text: str, line: int, words: str) -> None:
    (finding,) = mapping_findings(text.encode(), SITES)
    assert (finding.file, finding.line, finding.level) == ("hl7.yaml", line, "error")
    assert words in finding.message


def test_every_mistake_is_reported_not_only_the_first() -> None:
    found = mapping_findings(b"phone: [PID13]\nsite: [AIL-3.4, x]\ntimezone: Mars", SITES)
    assert [finding.line for finding in found] == [1, 2, 3]


@pytest.mark.parametrize("text", ["", "# nothing", "sites: {MAIN: elliot, 101: nashua}\ntypes: [CT, 77067]"])
def test_a_correct_file_has_no_findings(text: str) -> None:
    assert list(mapping_findings(text.encode(), SITES)) == []


def test_the_shipped_file_names_every_key_and_has_the_defaults() -> None:
    shipped = SHIPPED["hl7.yaml"]
    assert read_mapping(shipped) == FeedMapping()
    keys = [line.partition(":")[0] for line in shipped.decode().splitlines() if line and not line.startswith("#")]
    assert keys == list(FeedMapping.model_fields)


def test_codes_may_be_numbers() -> None:
    mapping = read_mapping(b"sites: {101: elliot}\ntypes: [77067]")
    assert (mapping.sites, mapping.types) == ({"101": "elliot"}, ("77067",))
    assert mapping.phone == FeedMapping().phone


def test_prompts_check_reads_the_mapping(monkeypatch: pytest.MonkeyPatch) -> None:
    skip_the_graph(monkeypatch)
    report = check_files({**SHIPPED, "hl7.yaml": b"phone: [PID13]"})
    assert [str(finding).split(":")[:2] for finding in report.findings if finding.level == "error"] == [
        ["hl7.yaml", "1"]
    ]
    # It harms no caller, so it does not keep a former release from going live again.
    assert report.has_errors
    assert not report.blocking_errors
