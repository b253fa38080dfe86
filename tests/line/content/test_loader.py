"""Reading prompts/: what editors do to files is told with file, line and reason, and never with a traceback."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from holidays import country_holidays
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.line.content.config import STATES, read_config
from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.loader import LINE_FILE, Content, content_digest, read_content, read_folder
from ivr.line.content.prompt import read_prompt
from ivr.line.content.text_files import LARGEST_TEXT, decode_text
from ivr.line.content.yaml_source import read_yaml
from ivr.line.twiml.release import CompiledLine
from tests.support.paths import ROOT

SHIPPED = read_folder(ROOT / "prompts")
CANCER, MENU = "en/cancer.md", "en/calcifications.md"
Place = tuple[str, int, str]


@pytest.fixture(autouse=True, scope="module")
def _read_once() -> Iterator[None]:
    """The files that a case leaves alone are read once for all cases."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ivr.line.content.loader.read_prompt", cache(read_prompt))
        yield


def changed(file: str, old: str, new: str) -> dict[str, bytes]:
    """The shipped folder with one change in one file."""
    words = SHIPPED[file].decode()
    assert old in words, f"{file} no longer says {old!r}"
    return {**SHIPPED, file: words.replace(old, new, 1).encode()}


def line_of(files: dict[str, bytes], file: str, marker: str) -> int:
    before, found, _ = files[file].decode("utf-8", "replace").partition(marker)
    assert found, f"{marker!r} is not in {file}"
    return before.count("\n") + 1


def faults(files: dict[str, bytes]) -> set[Place]:
    """The places and rules of what is wrong; empty for a folder that can be read."""
    try:
        read_content(files)
    except BrokenPrompts as broken:
        return {(fault.file, fault.line, fault.rule) for fault in broken.findings if fault.message}
    return set()


IN_LINE_YAML = [
    ("an unknown key", "tries: 3", "tries: 3\ncolour: red", "colour: red", "line-yaml"),
    ("an unknown sign-off", "sign_off: advised", "sign_off: maybe", "sign_off: maybe", "line-yaml"),
    ("an unknown key inside", "    ring: 25\n", "    ringing: 25\n", "ringing: 25", "line-yaml"),
    ("a key that is missing", "timezone: America/New_York\n\n", "\n", "hospital:", "line-yaml"),
    ("a doubled key", "tries: 3", "tries: 3\ntries: 4", "tries: 4", "yaml-double"),
    ("an anchor", "tries: 3", "tries: &three 3", "tries: &three", "yaml-reference"),
    ("an alias", "tries: 3", "tries: *three", "tries: *three", "yaml-reference"),
    ("aliases that explode", "tries: 3", "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]", "a: &a", "yaml-reference"),
    ("a tag that runs code", "tries: 3", "tries: !!python/object/apply:os.system [ls]", "tries:", "yaml-tag"),
    ("a tag of one's own", "tries: 3", "tries: !run ls", "tries: !run", "yaml-tag"),
    ("a tag that does no harm", "tries: 3", "tries: !!int 3", "tries: !!int", "yaml-tag"),
    ("nothing but brackets", "tries: 3", "tries: " + "[" * 9000, "tries: [", "yaml"),
    ("a bracket left open", "{Mon-Fri: 08:00-17:00}", "{Mon-Fri: 08:00-17:00", "    confirmed: false", "yaml"),
    ("a tab before a key", "tries: 3", "\ttries: 3", "\ttries: 3", "yaml"),
    ("a list for a name", "tries: 3", "? [tries]\n: 3", "? [tries]", "yaml"),
    ("a letter beyond all letters", "tries: 3", 'tries: "\\UFFFFFFFF"', "tries: \"\\UFFFF", "yaml"),
    ("a bell in a name", "name: English", 'name: "\\x07"', 'name: "\\x07"', "not-text"),
    ("half a letter in a name", "name: English", 'name: "\\ud800"', 'name: "\\ud800"', "yaml"),
    ("words for a number", "tries: 3", "tries: three", "tries: three", "line-yaml"),
    ("a number of 5,000 digits", "tries: 3", "tries: " + "9" * 5000, "tries: 9", "line-yaml"),
    ("too many tries", "tries: 3", "tries: 99", "tries: 99", "line-yaml"),
    ("an hour past midnight", "08:00-17:00}", "08:00-25:00}", "08:00-25:00}", "line-yaml"),
    ("hours that run backwards", "08:00-17:00}", "17:00-08:00}", "17:00-08:00}", "line-yaml"),
    ("hours without minutes", "08:00-17:00}", "8-5}", "{Mon-Fri: 8-5}", "line-yaml"),
    ("hours in words", "{Mon-Fri: 08:00-17:00}", "always", "hours: always", "line-yaml"),
    ("no hours at all", "{Mon-Fri: 08:00-17:00}", "{}", "hours: {}", "line-yaml"),
    ("days in words", "Mon-Fri: 08", "Monday-Friday: 08", "Monday-Friday", "line-yaml"),
    ("days that run backwards", "Mon-Fri: 08", "Fri-Mon: 08", "Fri-Mon", "line-yaml"),
    ("days that never end", "Mon-Fri: 08", "Mon-: 08", "Mon-: 08", "line-yaml"),
    ("a day twice", "08:00-17:00}", "08:00-17:00, Fri: 08:00-12:00}", "Fri: 08:00-12:00", "line-yaml"),
    ("a number one digit short", "number: 603-663-2180", "number: 603-663-218", "603-663-218", "line-yaml"),
    ("a number with a line end", "603-663-2180", '"603-663-2180\\n"', '"603-663-2180', "line-yaml"),
    ("a number in wide digits", "603-663-2180", "６０３-663-2180", "６０３", "line-yaml"),
    ("a voice of another provider", "Polly.Joanna-Neural", "alice", "voice: alice", "line-yaml"),
    ("a speed that no voice has", "rate: 90%", "rate: fast", "rate: fast", "line-yaml"),
    ("a language that is none", "  es:\n    name: Esp", "  xx:\n    name: Esp", "  xx:", "line-yaml"),
    ("a zone that is none", "timezone: America/New_York", "timezone: New Hampshire", "New Hampshire", "line-yaml"),
    ("a state that is none", "state: NH", "state: New Hampshire", "state: New", "line-yaml"),
    ("a holiday written as at home", "add: []", "add: [12/24/2026]", "add: [12/24/2026]", "line-yaml"),
    ("a length of time in words", "late: 4d", "late: four days", "late: four", "line-yaml"),
    ("a length of time without end", "late: 4d", "late: 99999999999d", "late: 999", "line-yaml"),
    ("quiet hours in another zone", '"21:00"', '"21:00+05:00"', "21:00+05:00", "line-yaml"),
    ("a key that means help everywhere", "{1: calcifications", "{0: calcifications", "{0: calc", "line-yaml"),
    ("a key that no telephone has", "{1: calcifications", "{12: calcifications", "{12: calc", "line-yaml"),
    ("a menu without choices", "{1: what-they-are, 2: cancer, 3: more-pictures, 4: next-steps}", "{}", "choices: {}",
     "line-yaml"),
    ("a name with blanks", "id: elliot", "id: Elliot Hospital", "id: Elliot H", "line-yaml"),
    ("a choice that leads to nobody", "5: people}", "5: peeple}", "5: peeple}", "reference"),
    ("a person who is nobody", "person: breast-health-center", "person: nobody", "person: nobody", "reference"),
    ("a next that is nobody", "next: [breast-health-center]", "next: [nobody]", "next: [nobody]", "reference"),
    ("a next that names itself", "next: [breast-health-center]", "next: [central-scheduling]",
     "next: [central-scheduling]", "reference"),
    ("a next that comes twice", "next: [breast-health-center]", "next: [breast-health-center, breast-health-center]",
     "next: [breast", "reference"),
    ("a site that nobody answers for", "directory: central-scheduling", "directory: nobody", "directory: nobody",
     "reference"),
    ("no menu to begin with", "  welcome:\n", "  start:\n", "menus:", "reference"),
    ("a name in one language only", ", es: la oficina de citas}", "}", "name: {en: Central Scheduling}", "translation"),
    ("a blank name", "es: la oficina de citas", 'es: " "', 'es: " "', "translation"),
    ("a topic twice", "{id: cancer, number: 2", "{id: what-they-are, number: 2", "{id: what-they-are, number: 2",
     "double"),
    ("a topic's number twice", "cancer, number: 2", "cancer, number: 1", "cancer, number: 1", "double"),
    ("an entry twice", "- id: breast-diagnostic-center", "- id: breast-health-center", None, "double"),
    ("a step of the plan twice", "{id: 1d", "{id: 2d", None, "double"),
    ("an entry called like a topic", "- id: breast-diagnostic-center", "- id: cancer", "- id: cancer", "double"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("label", "old", "new", "marker", "rule"), IN_LINE_YAML, ids=[case[0] for case in IN_LINE_YAML]
)
def test_a_fault_in_line_yaml_is_told_with_its_line(
    label: str, old: str, new: str, marker: str | None, rule: str
) -> None:
    files = changed(LINE_FILE, old, new)
    told = faults(files)
    if marker is None:
        # The second of two that are alike is the one to change.
        at = files[LINE_FILE].decode().rindex(new)
        marker_line = files[LINE_FILE].decode()[:at].count("\n") + 1
    else:
        marker_line = line_of(files, LINE_FILE, marker)
    assert (LINE_FILE, marker_line, rule) in told, told


LAUGHS = "a: &a [ha, ha]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))

IN_A_PROMPT = [
    ("an unknown field", CANCER, "sources:", "colour: red\nsources:", "colour", "fields"),
    ("a doubled field", CANCER, "phrases:", "title: Again\nphrases:", "title: Again", "yaml-double"),
    ("fields that are a list", CANCER, "title: Is it cancer?\n", "- title\n", "sources:", "yaml"),
    ("an origin that is empty", CANCER, "reviewed:", "made_from:\nreviewed:", "made_from:", "fields"),
    ("an origin that is a list", CANCER, "reviewed:", "made_from: [a]\nreviewed:", "made_from:", "fields"),
    ("a review of something else", CANCER, "{by: null, on: null}", "{of: me}", "reviewed:", "fields"),
    ("no sources", CANCER, "sources: [F3, F4, F5, F6, F8, F9, F10]\n", "", "title:", "fields"),
    ("empty sources", CANCER, "[F3, F4, F5, F6, F8, F9, F10]", "[]", "sources:", "fields"),
    ("a review in words", CANCER, "{by: null, on: null}", "yes", "reviewed: yes", "fields"),
    ("a review by a list", CANCER, "by: null", "by: [me]", "reviewed:", "fields"),
    ("a phrase that is blank", CANCER, "- is it cancer\n", '- ""\n', "phrases:", "fields"),
    ("an anchor", CANCER, "title: Is", "title: &t Is", "title: &t", "yaml-reference"),
    ("an alias", CANCER, "- is it cancer\n", "- *t\n", "- *t", "yaml-reference"),
    ("aliases that explode", CANCER, "sources:", LAUGHS + "sources:", "a: &a", "yaml-reference"),
    ("a tag", CANCER, "- is it cancer\n", "- !!python/name:os.system x\n", "- !!python", "yaml-tag"),
    ("fields without an end", CANCER, "---\n## Spoken", "## Spoken", "---\ntitle", "fields"),
    ("no fields", CANCER, "---\n", "", "title:", "fields"),
    ("words above the first heading", CANCER, "---\n## Spoken", "---\nHello\n## Spoken", "Hello", "heading"),
    ("a heading that is none", CANCER, "## Spoken", "## Said", "## Said", "heading"),
    ("a heading of another size", CANCER, "## Spoken", "# Spoken", "# Spoken", "heading"),
    ("a heading without a blank", CANCER, "## Spoken", "##Spoken", "##Spoken", "heading"),
    (
        "two texts",
        CANCER,
        "## Texted",
        "## Texted\n\nHello.\n\n## Texted",
        "Calcifications can be a normal part of aging",
        "heading",
    ),
    ("an empty part", CANCER, "## Texted", "## Spoken\n\n## Texted", None, "heading"),
    ("choices without numbers", MENU, "2. To ask", "To ask", "To ask", "choices"),
    ("choices with brackets", MENU, "2. To ask", "2) To ask", "2) To ask", "choices"),
    ("a choice twice", MENU, "2. To ask", "1. To ask", "1. To ask", "choices"),
    ("other keys than the menu's", MENU, "4. For what", "5. For what", "1. For what", "menu-choices"),
    ("a choice that is missing", MENU, "2. To ask about cancer\n", "", "1. For what", "menu-choices"),
    ("a bell", CANCER, "It is natural", "\x07It is natural", "\x07", "not-text"),
    ("a NUL", CANCER, "It is natural", "It is\x00natural", "\x00", "not-text"),
    ("a letter that is none", CANCER, "It is natural", "\ufffeIt is natural", "\ufffe", "not-text"),
    ("a piece too many", "es/cancer.md", "## Texted", "## Spoken\n\nAlgo.\n\n## Texted", "---\ntitle", "translation"),
    ("a part that is missing", CANCER, "## Texted", "## Spoken", "---\ntitle", "missing-part"),
    ("a topic without a title", CANCER, "title: Is it cancer?\n", "", "---\nsources", "missing-part"),
    ("phrases where nobody can ask", "en/silence.md", "null}\n", "null}\nphrases:\n  - hush\n", "- hush", "phrase"),
]


@pytest.mark.parametrize(
    ("label", "file", "old", "new", "marker", "rule"), IN_A_PROMPT, ids=[case[0] for case in IN_A_PROMPT]
)
def test_a_fault_in_a_prompt_is_told_with_its_line(
    label: str, file: str, old: str, new: str, marker: str | None, rule: str
) -> None:
    files = changed(file, old, new)
    told = faults(files)
    if marker is None:
        assert {(one[0], one[2]) for one in told} == {(file, rule)}
        line = next(iter(told))[1]
        assert files[file].decode().split("\n")[line - 1].startswith("## ")
    else:
        assert (file, line_of(files, file, marker), rule) in told, told


OTHER_FILES = [
    ("a name in capitals", "en/Cancer.md", b"x", ("en/Cancer.md", 0, "file-name")),
    ("a language in capitals", "EN/cancer.md", b"x", ("EN/cancer.md", 0, "file-name")),
    ("a kind in capitals", "en/cancer.MD", b"x", ("en/cancer.MD", 0, "file-name")),
    ("line.yaml in capitals", "LINE.YAML", b"x", ("LINE.YAML", 0, "file-name")),
    ("a name with an underscore", "en/next_steps.md", b"x", ("en/next_steps.md", 0, "file-name")),
    ("a name with an accent", "es/cáncer.md", b"x", ("es/cáncer.md", 0, "file-name")),
    ("a name with a blank", "en/is it cancer.md", b"x", ("en/is it cancer.md", 0, "file-name")),
    ("a name with a line end", "en/cancer.md\n", b"x", ("en/cancer.md\n", 0, "file-name")),
    ("another kind of file", "en/cancer.docx", b"x", ("en/cancer.docx", 0, "file-name")),
    ("a prompt beside its folder", "cancer.md", b"x", ("cancer.md", 0, "file-name")),
    ("a folder in a folder", "en/old/cancer.md", b"x", ("en/old/cancer.md", 0, "file-name")),
    ("a language that is not in line.yaml", "fr/cancer.md", SHIPPED[CANCER], ("fr/cancer.md", 0, "translation")),
    ("an empty file", CANCER, b"", (CANCER, 1, "fields")),
    ("not in UTF-8", "es/cancer.md", "---\ntitle: ¿Es cáncer?".encode("latin-1"), ("es/cancer.md", 2, "not-text")),
    ("a picture", CANCER, b"\x89PNG\r\n\x1a\n", (CANCER, 1, "not-text")),
    ("a book", CANCER, b"---\n" * LARGEST_TEXT, (CANCER, 0, "not-text")),
    ("a book for line.yaml", LINE_FILE, b"a: 1\n" * LARGEST_TEXT, (LINE_FILE, 0, "not-text")),
    ("a line.yaml that is no text", LINE_FILE, b"hospital: \xff\n", (LINE_FILE, 1, "not-text")),
    ("an empty line.yaml", LINE_FILE, b"", (LINE_FILE, 1, "line-yaml")),
    ("a list for line.yaml", LINE_FILE, b"- a\n- b\n", (LINE_FILE, 1, "line-yaml")),
    ("two documents in line.yaml", LINE_FILE, b"a: 1\n---\nb: 2\n", (LINE_FILE, 2, "yaml")),
]


@pytest.mark.parametrize(("label", "file", "data", "told"), OTHER_FILES, ids=[case[0] for case in OTHER_FILES])
def test_a_file_that_does_not_belong_is_named(label: str, file: str, data: bytes, told: Place) -> None:
    assert told in faults({**SHIPPED, file: data})


@pytest.mark.parametrize("file", [CANCER, "es/stop.md", MENU])
def test_a_file_that_is_missing_is_named(file: str) -> None:
    files = {name: data for name, data in SHIPPED.items() if name != file}
    assert faults(files) == {(file, 0, "translation")}


def test_every_fault_is_told_at_once() -> None:
    files = {**changed(LINE_FILE, "5: people}", "5: peeple}"), CANCER: b"", "en/x.txt": b""}
    del files["es/stop.md"]
    told = {(file, rule) for file, _, rule in faults(files)}
    assert told == {
        (LINE_FILE, "reference"),
        (CANCER, "fields"),
        ("en/x.txt", "file-name"),
        ("es/stop.md", "translation"),
    }


HARMLESS = [
    ("a byte-order mark", lambda words: "\ufeff" + words),
    ("Windows line ends", lambda words: words.replace("\n", "\r\n")),
    ("old Mac line ends", lambda words: words.replace("\n", "\r")),
    ("no line end at the end", lambda words: words.rstrip("\n")),
    ("blanks at the ends of lines", lambda words: words.replace("\n", "  \n")),
]


@pytest.mark.parametrize(("label", "change"), HARMLESS, ids=[case[0] for case in HARMLESS])
def test_what_an_editor_does_to_a_file_changes_nothing_said(label: str, change, content: Content) -> None:
    files = {name: change(data.decode()).encode() for name, data in SHIPPED.items()}
    read = read_content(files)
    assert read.digest != content.digest
    assert read.config == content.config
    for key, prompt in content.prompts.items():
        assert [part.paragraphs for part in read.prompts[key].sections()] == [
            part.paragraphs for part in prompt.sections()
        ], key


def test_the_states_are_those_whose_holidays_are_known() -> None:
    assert set(country_holidays("US").subdivisions) == STATES


def test_an_entry_may_be_reviewed_and_named_on_a_day() -> None:
    read = read_content(changed(CANCER, "{by: null, on: null}", "{by: Dr. Lee, on: 2026-12-01}"))
    assert (read.prompt("en", "cancer").reviewed_by, read.prompt("en", "cancer").reviewed_on) == (
        "Dr. Lee",
        "2026-12-01",
    )


def test_what_editors_and_systems_leave_behind_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "en").mkdir()
    for name in ("line.yaml", "en/cancer.md"):
        (tmp_path / name).write_bytes(b"x")
    for litter in ("en/cancer.md~", "en/.cancer.md.swp", "en/~$cancer.md", "en/#cancer.md#", "Thumbs.db", ".DS_Store"):
        (tmp_path / litter).write_bytes(b"x")
    assert set(read_folder(tmp_path)) == {"line.yaml", "en/cancer.md"}


def test_a_folder_without_line_yaml_is_no_prompts_folder(tmp_path: Path) -> None:
    with pytest.raises(BrokenPrompts, match=str(tmp_path)):
        read_folder(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "line.yaml").write_bytes(b"x")
    (tmp_path / "line.yaml").chmod(0)
    with pytest.raises(BrokenPrompts, match=r"line\.yaml"):
        read_folder(tmp_path)


def test_the_digest_is_of_names_and_bytes_in_any_order() -> None:
    assert content_digest(dict(reversed(SHIPPED.items()))) == content_digest(SHIPPED)
    assert (
        len(
            {
                content_digest({"a": b"bc"}),
                content_digest({"ab": b"c"}),
                content_digest({"a": b"b", "c": b""}),
                content_digest({}),
            }
        )
        == 4
    )


def test_a_third_language_is_one_more_folder_and_one_more_line() -> None:
    french = "  fr: {name: Français, voice: Polly.Gabrielle-Neural, tag: fr-CA}\n"
    words = SHIPPED[LINE_FILE].decode().replace("\n# How long a caller", french + "\n# How long a caller")
    words = words.replace("  es: Elliot Health System", "  es: Elliot Health System\n  fr: Elliot")
    words = re.sub(r", es: (?!\[)", ", fr: x, es: ", words)
    files = {**SHIPPED, LINE_FILE: words.encode()}
    files |= {"fr" + name[2:]: data for name, data in SHIPPED.items() if name.startswith("en/")}
    line = CompiledLine(read_content(files))
    assert {state.language for state in line.states.values()} == {"en", "es", "fr"}


@given(st.binary(max_size=300))
def test_any_bytes_in_a_prompt_are_read_or_told(data: bytes) -> None:
    _read_or_tell(lambda: read_prompt(CANCER, data))


@settings(max_examples=300)
@given(st.data())
def test_any_change_to_a_prompt_is_read_or_told(data: st.DataObject) -> None:
    file = data.draw(st.sampled_from(sorted(set(SHIPPED) - {LINE_FILE})))
    spoilt = _spoil(SHIPPED[file], data)
    _read_or_tell(lambda: read_prompt(file, spoilt))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_change_to_line_yaml_is_read_or_told(data: st.DataObject) -> None:
    spoilt = _spoil(SHIPPED[LINE_FILE], data)
    _read_or_tell(lambda: read_config(read_yaml(LINE_FILE, decode_text(LINE_FILE, spoilt))))


@given(st.text(alphabet="-:{}[]&*!|>%@`'\"#?,~ \n\tab01\\", max_size=60))
def test_any_yaml_is_read_or_told(words: str) -> None:
    _read_or_tell(lambda: read_yaml("x.yaml", words))


def _spoil(whole: bytes, data: st.DataObject) -> bytes:
    """Some of a file replaced by something else: bytes, signs of the markup, or lines from elsewhere in it."""
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, min(len(whole), start + 80)))
    lines = st.sampled_from(whole.split(b"\n"))
    put = data.draw(
        st.binary(max_size=8) | st.sampled_from([b"\n", b"---\n", b"## ", b"{", b"- ", b": ", b"\t"]) | lines
    )
    return whole[:start] + put + whole[end:]


def _read_or_tell(read) -> None:
    findings = None
    try:
        read()
    except BrokenPrompts as broken:
        findings = broken.findings
    assert findings is None or all(fault.line >= 0 and fault.message for fault in findings)
    assert findings != []


@settings(max_examples=8, deadline=None)
@given(st.data())
def test_whatever_can_be_read_can_be_compiled(data: st.DataObject) -> None:
    file = data.draw(st.sampled_from(sorted(SHIPPED)))
    try:
        content = read_content({**SHIPPED, file: _spoil(SHIPPED[file], data)})
    except BrokenPrompts:
        return
    assert CompiledLine(content).states
