"""prompts/ is read, or every error in it is reported with file, line and reason, never with a traceback."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from holidays import country_holidays
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.line.content.config import US_STATES, read_config
from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.loader import LINE_FILE, Content, content_digest, read_content, read_folder
from ivr.line.content.prompt import read_prompt
from ivr.line.content.yaml_source import LARGEST_TEXT, decode_text, read_yaml
from ivr.line.twiml.release import CompiledLine
from tests.support.paths import ROOT

SHIPPED = read_folder(ROOT / "prompts")
CANCER, MENU = "en/cancer.md", "en/calcifications.md"
Location = tuple[str, int, str]


def changed(file: str, old: str, new: str) -> dict[str, bytes]:
    """The shipped folder with one change in one file."""
    text = SHIPPED[file].decode()
    assert old in text, f"{old!r} is not in {file}"
    return {**SHIPPED, file: text.replace(old, new, 1).encode()}


def line_of(files: dict[str, bytes], file: str, marker: str) -> int:
    before, separator, _ = files[file].decode("utf-8", "replace").partition(marker)
    assert separator, f"{marker!r} is not in {file}"
    return before.count("\n") + 1


def errors(files: dict[str, bytes]) -> set[Location]:
    """The file, line and rule of each error; empty for a folder that can be read."""
    try:
        read_content(files)
    except BrokenPrompts as broken:
        return {(error.file, error.line, error.rule) for error in broken.findings if error.message}
    return set()


IN_LINE_YAML = [
    ("an unknown key", "tries: 3", "tries: 3\ncolour: red", "colour: red", "line-yaml"),
    ("an unknown sign-off", "sign_off: advised", "sign_off: maybe", "sign_off: maybe", "line-yaml"),
    ("an unknown key inside", "    ring: 25\n", "    ringing: 25\n", "ringing: 25", "line-yaml"),
    ("a missing key", "timezone: America/New_York\n\n", "\n", "hospital:", "line-yaml"),
    ("a duplicate key", "tries: 3", "tries: 3\ntries: 4", "tries: 4", "yaml-double"),
    ("an anchor", "tries: 3", "tries: &three 3", "tries: &three", "yaml-reference"),
    ("an alias", "tries: 3", "tries: *three", "tries: *three", "yaml-reference"),
    ("an alias bomb", "tries: 3", "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]", "a: &a", "yaml-reference"),
    ("a tag that runs code", "tries: 3", "tries: !!python/object/apply:os.system [ls]", "tries:", "yaml-tag"),
    ("a custom tag", "tries: 3", "tries: !run ls", "tries: !run", "yaml-tag"),
    ("a harmless tag", "tries: 3", "tries: !!int 3", "tries: !!int", "yaml-tag"),
    ("9,000 brackets", "tries: 3", "tries: " + "[" * 9000, "tries: [", "yaml"),
    ("an unclosed bracket", "{Mon-Fri: 08:00-17:00}", "{Mon-Fri: 08:00-17:00", "    confirmed: false", "yaml"),
    ("a tab before a key", "tries: 3", "\ttries: 3", "\ttries: 3", "yaml"),
    ("a list as a key", "tries: 3", "? [tries]\n: 3", "? [tries]", "yaml"),
    ("an escape beyond Unicode", "tries: 3", 'tries: "\\UFFFFFFFF"', "tries: \"\\UFFFF", "yaml"),
    ("a control character in a name", "name: English", 'name: "\\x07"', 'name: "\\x07"', "not-text"),
    ("half a surrogate pair in a name", "name: English", 'name: "\\ud800"', 'name: "\\ud800"', "yaml"),
    ("text instead of a number", "tries: 3", "tries: three", "tries: three", "line-yaml"),
    ("a number of 5,000 digits", "tries: 3", "tries: " + "9" * 5000, "tries: 9", "line-yaml"),
    ("too many tries", "tries: 3", "tries: 99", "tries: 99", "line-yaml"),
    ("an hour past midnight", "08:00-17:00}", "08:00-25:00}", "08:00-25:00}", "line-yaml"),
    ("hours that run backwards", "08:00-17:00}", "17:00-08:00}", "17:00-08:00}", "line-yaml"),
    ("hours without minutes", "08:00-17:00}", "8-5}", "{Mon-Fri: 8-5}", "line-yaml"),
    ("hours as text", "{Mon-Fri: 08:00-17:00}", "always", "hours: always", "line-yaml"),
    ("empty hours", "{Mon-Fri: 08:00-17:00}", "{}", "hours: {}", "line-yaml"),
    ("days written out", "Mon-Fri: 08", "Monday-Friday: 08", "Monday-Friday", "line-yaml"),
    ("days that run backwards", "Mon-Fri: 08", "Fri-Mon: 08", "Fri-Mon", "line-yaml"),
    ("an open range of days", "Mon-Fri: 08", "Mon-: 08", "Mon-: 08", "line-yaml"),
    ("a duplicate day", "08:00-17:00}", "08:00-17:00, Fri: 08:00-12:00}", "Fri: 08:00-12:00", "line-yaml"),
    ("a phone number one digit short", "number: 603-663-2180", "number: 603-663-218", "603-663-218", "line-yaml"),
    ("a phone number with a line end", "603-663-2180", '"603-663-2180\\n"', '"603-663-2180', "line-yaml"),
    ("a phone number in full-width digits", "603-663-2180", "６０３-663-2180", "６０３", "line-yaml"),
    ("a voice of another provider", "Polly.Joanna-Neural", "alice", "voice: alice", "line-yaml"),
    ("an invalid speed", "rate: 90%", "rate: fast", "rate: fast", "line-yaml"),
    ("an unknown language", "  es:\n    name: Esp", "  xx:\n    name: Esp", "  xx:", "line-yaml"),
    ("an unknown time zone", "timezone: America/New_York", "timezone: New Hampshire", "New Hampshire", "line-yaml"),
    ("an unknown state", "state: NH", "state: New Hampshire", "state: New", "line-yaml"),
    ("a holiday in American notation", "add: []", "add: [12/24/2026]", "add: [12/24/2026]", "line-yaml"),
    ("a duration in words", "late: 4d", "late: four days", "late: four", "line-yaml"),
    ("a duration that is too long", "late: 4d", "late: 99999999999d", "late: 999", "line-yaml"),
    ("quiet hours with an offset", '"21:00"', '"21:00+05:00"', "21:00+05:00", "line-yaml"),
    ("a key that is reserved", "{1: calcifications", "{0: calcifications", "{0: calc", "line-yaml"),
    ("a key of two digits", "{1: calcifications", "{12: calcifications", "{12: calc", "line-yaml"),
    ("a menu without choices", "{1: what-they-are, 2: cancer, 3: more-pictures, 4: next-steps}", "{}", "choices: {}",
     "line-yaml"),
    ("a name with spaces", "id: elliot", "id: Elliot Hospital", "id: Elliot H", "line-yaml"),
    ("a choice without a target", "4: people}", "4: peeple}", "4: peeple}", "reference"),
    ("an unknown person", "person: breast-health-center", "person: nobody", "person: nobody", "reference"),
    ("an unknown next entry", "next: [breast-health-center]", "next: [nobody]", "next: [nobody]", "reference"),
    ("a next entry that is the entry itself", "next: [breast-health-center]", "next: [central-scheduling]",
     "next: [central-scheduling]", "reference"),
    ("a repeated next entry", "next: [breast-health-center]", "next: [breast-health-center, breast-health-center]",
     "next: [breast", "reference"),
    ("a site without a directory entry", "directory: central-scheduling", "directory: nobody", "directory: nobody",
     "reference"),
    ("an answer after itself", "BIOPSIA}, after: next-steps", "BIOPSIA}, after: biopsy", "BIOPSIA}, a", "reference"),
    ("an unoffered answer", "GRACIAS}, offered", "GRACIAS}, after: cancer, offered", "GRACIAS}", "library"),
    ("an answer after a menu", "BIOPSIA}, after: next-steps", "BIOPSIA}, after: welcome", "BIOPSIA}, a", "reference"),
    ("no welcome menu", "  welcome:\n", "  start:\n", "menus:", "reference"),
    ("a name in one language only", ", es: la oficina de citas (Central Scheduling)}", "}",
     "name: {en: Central Scheduling}", "translation"),
    ("a blank name", "es: la oficina de citas (Central Scheduling)", 'es: " "', 'es: " "', "translation"),
    ("a duplicate topic", "{id: cancer, number: 2", "{id: what-they-are, number: 2", "{id: what-they-are, number: 2",
     "double"),
    ("a duplicate topic number", "cancer, number: 2", "cancer, number: 1", "cancer, number: 1", "double"),
    ("a duplicate entry", "- id: breast-diagnostic-center", "- id: breast-health-center", None, "double"),
    ("a duplicate reminder", "{id: 1d", "{id: 2d", None, "double"),
    ("an entry with the name of a topic", "- id: breast-diagnostic-center", "- id: cancer", "- id: cancer", "double"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("label", "old", "new", "marker", "rule"), IN_LINE_YAML, ids=[case[0] for case in IN_LINE_YAML]
)
def test_an_error_in_line_yaml_is_reported_with_its_line(
    label: str, old: str, new: str, marker: str | None, rule: str
) -> None:
    files = changed(LINE_FILE, old, new)
    reported = errors(files)
    if marker is None:
        # Of two duplicates, the second one is reported.
        before, _, _ = files[LINE_FILE].decode().rpartition(new)
        marker_line = before.count("\n") + 1
    else:
        marker_line = line_of(files, LINE_FILE, marker)
    assert (LINE_FILE, marker_line, rule) in reported, reported


ALIAS_BOMB = "a: &a [ha, ha]\n" + "".join(
    f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)

IN_A_PROMPT = [
    ("an unknown field", CANCER, "sources:", "colour: red\nsources:", "colour", "fields"),
    ("a duplicate field", CANCER, "phrases:", "title: Again\nphrases:", "title: Again", "yaml-double"),
    ("fields as a list", CANCER, "title: Is it cancer?\n", "- title\n", "sources:", "yaml"),
    ("an empty made_from", CANCER, "reviewed:", "made_from:\nreviewed:", "made_from:", "fields"),
    ("made_from as a list", CANCER, "reviewed:", "made_from: [a]\nreviewed:", "made_from:", "fields"),
    ("a review with an unknown key", CANCER, "{by: null, on: null}", "{of: me}", "reviewed:", "fields"),
    ("no sources", CANCER, "sources: [F3, F4, F5, F6, F8, F9, F10]\n", "", "title:", "fields"),
    ("empty sources", CANCER, "[F3, F4, F5, F6, F8, F9, F10]", "[]", "sources:", "fields"),
    ("a review as text", CANCER, "{by: null, on: null}", "yes", "reviewed: yes", "fields"),
    ("a list of reviewers", CANCER, "by: null", "by: [me]", "reviewed:", "fields"),
    ("a blank phrase", CANCER, "- is it cancer\n", '- ""\n', "phrases:", "fields"),
    ("an anchor", CANCER, "title: Is", "title: &t Is", "title: &t", "yaml-reference"),
    ("an alias", CANCER, "- is it cancer\n", "- *t\n", "- *t", "yaml-reference"),
    ("an alias bomb", CANCER, "sources:", ALIAS_BOMB + "sources:", "a: &a", "yaml-reference"),
    ("a tag", CANCER, "- is it cancer\n", "- !!python/name:os.system x\n", "- !!python", "yaml-tag"),
    ("fields without a closing line", CANCER, "---\n## Spoken", "## Spoken", "---\ntitle", "fields"),
    ("no fields", CANCER, "---\n", "", "title:", "fields"),
    ("text above the first heading", CANCER, "---\n## Spoken", "---\nHello\n## Spoken", "Hello", "heading"),
    ("an unknown heading", CANCER, "## Spoken", "## Said", "## Said", "heading"),
    ("a heading of another level", CANCER, "## Spoken", "# Spoken", "# Spoken", "heading"),
    ("a heading without a space", CANCER, "## Spoken", "##Spoken", "##Spoken", "heading"),
    (
        "two text messages",
        CANCER,
        "## Texted",
        "## Texted\n\nHello.\n\n## Texted",
        "Calcifications can be a normal part of aging",
        "heading",
    ),
    ("an empty section", CANCER, "## Texted", "## Spoken\n\n## Texted", None, "heading"),
    ("choices without keys", MENU, "2. About cancer", "About cancer", "About cancer", "choices"),
    ("choices with parentheses", MENU, "2. About cancer", "2) About cancer", "2) About cancer", "choices"),
    ("a duplicate choice", MENU, "2. About cancer", "1. About cancer", "1. About cancer", "choices"),
    ("keys that differ from the menu's", MENU, "4. About what", "5. About what", "1. About what", "menu-choices"),
    ("a missing choice", MENU, "2. About cancer\n", "", "1. About what", "menu-choices"),
    ("a control character", CANCER, "It is natural", "\x07It is natural", "\x07", "not-text"),
    ("a NUL", CANCER, "It is natural", "It is\x00natural", "\x00", "not-text"),
    ("a character outside Unicode text", CANCER, "It is natural", "\ufffeIt is natural", "\ufffe", "not-text"),
    ("one part too many", "es/cancer.md", "## Texted", "## Spoken\n\nAlgo.\n\n## Texted", "---\ntitle", "translation"),
    ("a missing section", CANCER, "## Texted", "## Spoken", "---\ntitle", "missing-part"),
    ("a topic without a title", CANCER, "title: Is it cancer?\n", "", "---\nsources", "missing-part"),
    (
        "phrases of a prompt that no question leads to",
        "en/silence.md",
        "null}\n",
        "null}\nphrases:\n  - hush\n",
        "- hush",
        "phrase",
    ),
]


@pytest.mark.parametrize(
    ("label", "file", "old", "new", "marker", "rule"), IN_A_PROMPT, ids=[case[0] for case in IN_A_PROMPT]
)
def test_an_error_in_a_prompt_is_reported_with_its_line(
    label: str, file: str, old: str, new: str, marker: str | None, rule: str
) -> None:
    files = changed(file, old, new)
    reported = errors(files)
    if marker is None:
        assert {(name, reported_rule) for name, _, reported_rule in reported} == {(file, rule)}
        line = next(iter(reported))[1]
        assert files[file].decode().split("\n")[line - 1].startswith("## ")
    else:
        assert (file, line_of(files, file, marker), rule) in reported, reported


OTHER_FILES = [
    ("an uppercase name", "en/Cancer.md", b"x", ("en/Cancer.md", 0, "file-name")),
    ("an uppercase language", "EN/cancer.md", b"x", ("EN/cancer.md", 0, "file-name")),
    ("an uppercase file extension", "en/cancer.MD", b"x", ("en/cancer.MD", 0, "file-name")),
    ("an uppercase line.yaml", "LINE.YAML", b"x", ("LINE.YAML", 0, "file-name")),
    ("a name with an underscore", "en/next_steps.md", b"x", ("en/next_steps.md", 0, "file-name")),
    ("a name with an accent", "es/cáncer.md", b"x", ("es/cáncer.md", 0, "file-name")),
    ("a name with a space", "en/is it cancer.md", b"x", ("en/is it cancer.md", 0, "file-name")),
    ("a name with a line end", "en/cancer.md\n", b"x", ("en/cancer.md\n", 0, "file-name")),
    ("another type of file", "en/cancer.docx", b"x", ("en/cancer.docx", 0, "file-name")),
    ("a prompt outside its folder", "cancer.md", b"x", ("cancer.md", 0, "file-name")),
    ("a folder in a folder", "en/old/cancer.md", b"x", ("en/old/cancer.md", 0, "file-name")),
    ("a language that is not in line.yaml", "fr/cancer.md", SHIPPED[CANCER], ("fr/cancer.md", 0, "translation")),
    ("an empty file", CANCER, b"", (CANCER, 1, "fields")),
    ("not in UTF-8", "es/cancer.md", "---\ntitle: ¿Es cáncer?".encode("latin-1"), ("es/cancer.md", 2, "not-text")),
    ("an image", CANCER, b"\x89PNG\r\n\x1a\n", (CANCER, 1, "not-text")),
    ("a file that is too large", CANCER, b"---\n" * LARGEST_TEXT, (CANCER, 0, "not-text")),
    ("a line.yaml that is too large", LINE_FILE, b"a: 1\n" * LARGEST_TEXT, (LINE_FILE, 0, "not-text")),
    ("a line.yaml that is not text", LINE_FILE, b"hospital: \xff\n", (LINE_FILE, 1, "not-text")),
    ("an empty line.yaml", LINE_FILE, b"", (LINE_FILE, 1, "line-yaml")),
    ("a list as line.yaml", LINE_FILE, b"- a\n- b\n", (LINE_FILE, 1, "line-yaml")),
    ("two documents in line.yaml", LINE_FILE, b"a: 1\n---\nb: 2\n", (LINE_FILE, 2, "yaml")),
]


@pytest.mark.parametrize(("label", "file", "data", "expected"), OTHER_FILES, ids=[case[0] for case in OTHER_FILES])
def test_a_file_that_does_not_belong_is_reported(label: str, file: str, data: bytes, expected: Location) -> None:
    assert expected in errors({**SHIPPED, file: data})


@pytest.mark.parametrize("file", [CANCER, "es/stop.md", MENU])
def test_a_missing_file_is_reported(file: str) -> None:
    files = {name: data for name, data in SHIPPED.items() if name != file}
    assert errors(files) == {(file, 0, "translation")}


def test_all_errors_are_reported_at_once() -> None:
    files = {**changed(LINE_FILE, "4: people}", "4: peeple}"), CANCER: b"", "en/x.txt": b""}
    del files["es/stop.md"]
    assert {(file, rule) for file, _, rule in errors(files)} == {
        (LINE_FILE, "reference"),
        (CANCER, "fields"),
        ("en/x.txt", "file-name"),
        ("es/stop.md", "translation"),
    }


HARMLESS = [
    ("a byte-order mark", lambda text: "\ufeff" + text),
    ("Windows line endings", lambda text: text.replace("\n", "\r\n")),
    ("classic Mac OS line endings", lambda text: text.replace("\n", "\r")),
    ("no newline at the end of the file", lambda text: text.rstrip("\n")),
    ("spaces at the ends of lines", lambda text: text.replace("\n", "  \n")),
]


@pytest.mark.parametrize(("label", "change"), HARMLESS, ids=[case[0] for case in HARMLESS])
def test_line_endings_and_byte_order_marks_do_not_change_the_content(label: str, change, content: Content) -> None:
    files = {name: change(data.decode()).encode() for name, data in SHIPPED.items()}
    other = read_content(files)
    assert other.digest != content.digest
    assert other.config == content.config
    for key, prompt in content.prompts.items():
        assert [section.paragraphs for section in other.prompts[key].sections()] == [
            section.paragraphs for section in prompt.sections()
        ], key


def test_the_states_are_those_of_the_holidays_library() -> None:
    assert set(country_holidays("US").subdivisions) == US_STATES


def test_a_review_has_a_name_and_a_day() -> None:
    content = read_content(changed(CANCER, "{by: null, on: null}", "{by: Dr. Lee, on: 2026-12-01}"))
    prompt = content.prompt("en", "cancer")
    assert (prompt.reviewed_by, prompt.reviewed_on) == ("Dr. Lee", "2026-12-01")


def test_the_former_name_of_a_field_still_works(content: Content) -> None:
    file = "en/urgent.md"
    former = read_content(changed(file, "\nkeyword_rules:", "\nsigns:")).prompt("en", "urgent")
    assert former.keyword_rules == content.prompt("en", "urgent").keyword_rules != ()


def test_an_error_in_a_keyword_rule_is_reported_with_its_line_under_either_name() -> None:
    for name in ("keyword_rules", "signs"):
        files = changed("en/urgent.md", "\nkeyword_rules: |\n", f"\n{name}: |\n  chest + , pain\n")
        assert errors(files) == {("en/urgent.md", line_of(files, "en/urgent.md", "chest + , pain"), "sign")}


def test_a_prompt_that_uses_both_names_of_a_field_is_reported() -> None:
    files = changed("en/urgent.md", "\nkeyword_rules:", "\nsigns: |\n  zebra + bite\nkeyword_rules:")
    assert errors(files) == {("en/urgent.md", line_of(files, "en/urgent.md", "signs:"), "fields")}


def test_leftovers_from_editors_and_operating_systems_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "en").mkdir()
    for name in ("line.yaml", "en/cancer.md"):
        (tmp_path / name).write_bytes(b"x")
    for junk in ("en/cancer.md~", "en/.cancer.md.swp", "en/~$cancer.md", "en/#cancer.md#", "Thumbs.db", ".DS_Store"):
        (tmp_path / junk).write_bytes(b"x")
    assert set(read_folder(tmp_path)) == {"line.yaml", "en/cancer.md"}


def test_a_folder_without_line_yaml_is_not_a_prompts_folder(tmp_path: Path) -> None:
    with pytest.raises(BrokenPrompts, match=str(tmp_path)):
        read_folder(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read every file")
def test_a_file_that_cannot_be_opened_is_reported(tmp_path: Path) -> None:
    (tmp_path / "line.yaml").write_bytes(b"x")
    (tmp_path / "line.yaml").chmod(0)
    with pytest.raises(BrokenPrompts, match=r"line\.yaml"):
        read_folder(tmp_path)


def test_the_digest_depends_on_names_and_bytes_but_not_on_their_order() -> None:
    assert content_digest(dict(reversed(SHIPPED.items()))) == content_digest(SHIPPED)
    files: list[dict[str, bytes]] = [{"a": b"bc"}, {"ab": b"c"}, {"a": b"b", "c": b""}, {}]
    assert len(set(map(content_digest, files))) == 4


def test_a_third_language_needs_a_folder_and_an_entry_in_line_yaml() -> None:
    french = "  fr: {name: Français, voice: Polly.Gabrielle-Neural, tag: fr-CA}\n"
    line_yaml = SHIPPED[LINE_FILE].decode().replace("\n# How long the line", french + "\n# How long the line")
    line_yaml = line_yaml.replace("  es: Elliot Health System", "  es: Elliot Health System\n  fr: Elliot")
    line_yaml = re.sub(r'en: ("[^"]*"|[^,}\n]+), es: (?!\[)', r"en: \1, fr: \1, es: ", line_yaml)
    files = {**SHIPPED, LINE_FILE: line_yaml.encode()}
    files |= {"fr" + name[2:]: data for name, data in SHIPPED.items() if name.startswith("en/")}
    line = CompiledLine(read_content(files))
    assert {state.language for state in line.states.values()} == {"en", "es", "fr"}


@given(st.binary(max_size=300))
def test_any_bytes_in_a_prompt_are_read_or_reported(data: bytes) -> None:
    _read_or_report(lambda: read_prompt(CANCER, data))


@settings(max_examples=300)
@given(st.data())
def test_any_change_to_a_prompt_is_read_or_reported(data: st.DataObject) -> None:
    file = data.draw(st.sampled_from(sorted(name for name in SHIPPED if name.endswith(".md"))))
    corrupted = corrupt(SHIPPED[file], data)
    _read_or_report(lambda: read_prompt(file, corrupted))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_change_to_line_yaml_is_read_or_reported(data: st.DataObject) -> None:
    corrupted = corrupt(SHIPPED[LINE_FILE], data)
    _read_or_report(lambda: read_config(read_yaml(LINE_FILE, decode_text(LINE_FILE, corrupted))))


@given(st.text(alphabet="-:{}[]&*!|>%@`'\"#?,~ \n\tab01\\", max_size=60))
def test_any_yaml_is_read_or_reported(text: str) -> None:
    _read_or_report(lambda: read_yaml("x.yaml", text))


def corrupt(whole: bytes, data: st.DataObject) -> bytes:
    """Replace a part of a file by random bytes, markup, or a line from elsewhere in it."""
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, min(len(whole), start + 80)))
    lines = st.sampled_from(whole.split(b"\n"))
    replacement = data.draw(
        st.binary(max_size=8) | st.sampled_from([b"\n", b"---\n", b"## ", b"{", b"- ", b": ", b"\t"]) | lines
    )
    return whole[:start] + replacement + whole[end:]


def _read_or_report(read) -> None:
    findings = None
    try:
        read()
    except BrokenPrompts as broken:
        findings = broken.findings
    assert findings is None or all(finding.line >= 0 and finding.message for finding in findings)
    assert findings != []


@settings(max_examples=8, deadline=None)
@given(st.data())
def test_all_content_that_can_be_read_can_be_compiled(data: st.DataObject) -> None:
    file = data.draw(st.sampled_from(sorted(SHIPPED)))
    try:
        content = read_content({**SHIPPED, file: corrupt(SHIPPED[file], data)})
    except BrokenPrompts:
        return
    assert CompiledLine(content).states
