"""The line as a picture and as an outline in words: it follows the content, and prints on one sheet."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ivr.cli import main
from ivr.line.content.loader import Content, read_content
from ivr.line.diagram.menu_tree import describe_menu_tree
from ivr.line.diagram.svg import WIDTH, render_svg
from tests.line.audio.test_convert import sound, tone
from tests.line.content.test_loader import SHIPPED
from tests.support.paths import ROOT

SVG = "{http://www.w3.org/2000/svg}"
# A sheet of Letter has 792 points; half an inch on each side is left for the printer.
SHEET = 720.0
Files = dict[str, bytes]


def put(files: Files, file: str, *changes: tuple[str, str]) -> Files:
    words = files[file].decode()
    for old, new in changes:
        assert old in words, f"{file} no longer says {old!r}"
        words = words.replace(old, new)
    return {**files, file: words.encode()}


def with_portuguese(files: Files) -> Files:
    """The same line in a third language, which says what Spanish says."""
    files |= {f"pt/{name.removeprefix('es/')}": data for name, data in files.items() if name.startswith("es/")}
    words = files["line.yaml"].decode()
    spanish = re.search(r"\n  es:\n    name: Español.*?(?=\n\n)", words, re.DOTALL)
    assert spanish
    portuguese = spanish[0].replace("  es:", "  pt:").replace("Español", "Português")
    words = words.replace(spanish[0], spanish[0] + portuguese)
    words = re.sub(r"(, )es: (\[[^\]]*\]|[^,}\]]+)", r"\1es: \2, pt: \2", words)
    return {
        **files,
        "line.yaml": words.replace("\n  es: Elliot", "\n  es: Elliot Health System\n  pt: Elliot").encode(),
    }


def with_other_keys(files: Files) -> Files:
    files = put(files, "line.yaml", ("3: skin-products, 4", "7: skin-products, 4"))
    for language in ("en", "es"):
        files = put(files, f"{language}/welcome.md", ("\n3. ", "\n7. "))
    return files


def with_a_deeper_menu(files: Files) -> Files:
    """A menu in a menu in a menu, with ways back that go round in circles."""
    files = put(
        files,
        "line.yaml",
        ("3: more-pictures, 4: next-steps}", "3: more, 4: welcome}"),
        ("  people:\n    person", "  more:\n    person: breast-diagnostic-center\n    choices: {1: more-pictures,"
                                  " 2: next-steps, 3: calcifications, 4: people}\n  people:\n    person"),
    )  # fmt: skip
    menu = b'---\ntitle: A < B & "C"\nsources: [line]\nreviewed: {}\n---\n## Spoken\n\nPlease choose.\n\n## Choices\n\n'
    menu += b"1. For one\n2. For two\n3. For three\n4. For four\n"
    return {**files, "en/more.md": menu, "es/more.md": menu}


def with_a_recording(files: Files) -> Files:
    return {**files, "recordings/en/cancer-2.wav": sound(tone(440, seconds=7, rate=8_000), 8_000)}


def with_another_person(files: Files) -> Files:
    reached = ("  people:\n    person: central-scheduling", "  people:\n    person: clinic")
    entry = (
        "  - id: clinic\n    name: {en: the clinic, es: la clínica}\n    number: 603-555-0100\n"
        "    for: {en: anything, es: todo}\n    hours: {Sat: 09:00-12:00}\n    next: []\n    ring: 15\n"
    )
    where = "\n# Public holidays"
    return put(files, "line.yaml", reached, (where, f"{entry}{where}"))


CHANGED: dict[str, Callable[[Files], Files]] = {
    "as shipped": dict,
    "three languages": with_portuguese,
    "other keys": with_other_keys,
    "a deeper menu": with_a_deeper_menu,
    "a recording": with_a_recording,
    "another person": with_another_person,
}


def content_of(label: str) -> Content:
    return read_content(CHANGED[label](dict(SHIPPED)))


def number(element: ET.Element, name: str) -> float:
    return float(element.attrib[name])


@pytest.fixture(params=[(label, language) for label in CHANGED for language in ("en", "es")], ids=" in ".join)
def picture(request: pytest.FixtureRequest) -> ET.Element:
    label, language = request.param
    return ET.fromstring(render_svg(content_of(label), language))


def test_a_picture_has_a_name_and_its_words_for_who_does_not_see_it(content: Content) -> None:
    svg = ET.fromstring(render_svg(content, "en"))
    named = {element.get("id"): element for element in svg if element.get("id")}
    title, words = (named[name] for name in svg.attrib["aria-labelledby"].split())
    assert svg.attrib["role"] == "img"
    assert (title.tag, title.text) == (f"{SVG}title", "Elliot Health System: what callers hear in English")
    assert (words.tag, words.text) == (f"{SVG}desc", describe_menu_tree(content, "en"))
    assert render_svg(content, "en") == render_svg(content, "en")


def test_two_pictures_on_one_page_have_names_of_their_own(content: Content) -> None:
    names = [set(re.findall(r' id="([^"]+)"', render_svg(content, language))) for language in ("en", "es")]
    assert all(names)
    assert not names[0] & names[1]


def test_words_are_large_enough_in_print_and_stand_on_the_sheet(picture: ET.Element) -> None:
    wide, high = (float(value) for value in picture.attrib["viewBox"].split()[2:])
    assert (picture.attrib["width"], picture.attrib["height"]) == (f"{wide:g}pt", f"{high:.10g}pt")
    assert wide == WIDTH
    for words in picture.iter(f"{SVG}text"):
        assert number(words, "font-size") >= 9
        assert 0 <= number(words, "x") < wide
        assert number(words, "font-size") <= number(words, "y") <= high


def test_nothing_is_told_by_colour_alone(picture: ET.Element) -> None:
    colours = {element.get(name) for element in picture.iter() for name in ("fill", "stroke")}
    assert colours <= {None, "none", "#000", "#fff", "#ececec"}


def boxes(picture: ET.Element) -> list[ET.Element]:
    return [box for box in picture.iter(f"{SVG}rect") if box.get("stroke")]


def test_no_box_lies_on_another_nor_leaves_the_sheet(picture: ET.Element) -> None:
    wide, high = (float(value) for value in picture.attrib["viewBox"].split()[2:])
    edges = [
        (left, top, left + number(box, "width"), top + number(box, "height"))
        for box in boxes(picture)
        for left, top in [(number(box, "x"), number(box, "y"))]
    ]
    assert len(edges) >= 16
    for left, top, right, bottom in edges:
        assert left >= 0
        assert right <= wide
        assert bottom <= high
        over = [
            other for other in edges if other[0] < right and other[2] > left and top < other[3] and bottom > other[1]
        ]
        assert over == [(left, top, right, bottom)]


def test_words_stand_within_their_box_or_beside_it(picture: ET.Element) -> None:
    """Each bold title and the quoted words below it stand at the height of one box."""
    spans = [(number(box, "y"), number(box, "y") + number(box, "height")) for box in boxes(picture)]
    for words in picture.iter(f"{SVG}text"):
        if words.get("lang"):
            y, size = number(words, "y"), number(words, "font-size")
            assert any(top <= y - size * 0.8 and y + size * 0.2 <= bottom for top, bottom in spans), words.text


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_shipped_line_prints_on_one_sheet(content: Content, language: str) -> None:
    picture = ET.fromstring(render_svg(content, language))
    assert float(picture.attrib["viewBox"].split()[3]) <= SHEET


def seen(label: str, language: str = "en") -> str:
    picture = ET.fromstring(render_svg(content_of(label), language))
    return "\n".join("".join(words.itertext()).strip() for words in picture.iter(f"{SVG}text"))


TOLD: list[tuple[str, str, list[str]]] = [
    ("as shipped", "en", ["Main menu", "“For calcifications”", "29, 29 and 22", "by text: 2", "603-663-2180"]),
    ("as shipped", "en", ["Key 8 goes on to Spanish.", "Central Scheduling", "No answer in 25 seconds"]),
    ("as shipped", "es", ["Menú principal", "¿Es cáncer?", "La oficina de citas", "Key 8 goes on to English."]),
    ("three languages", "en", ["Key 8 goes on to Spanish, then Portuguese."]),
    ("three languages", "es", ["Key 8 goes on to Portuguese, then English."]),
    ("three languages", "pt", ["what callers hear in Portuguese", "Menú principal"]),
    ("a deeper menu", "en", ['A < B & "C"', "“For three”", "see that menu"]),
    ("a recording", "en", ["29, 7 and 22"]),
    ("another person", "en", ["The clinic, 603-555-0100.", "Saturday from 9:00 AM to 12:00 PM", "a call back"]),
]


@pytest.mark.parametrize(("label", "language", "words"), TOLD, ids=[f"{case[0]}: {case[2][0]}" for case in TOLD])
def test_a_picture_follows_the_content(label: str, language: str, words: list[str]) -> None:
    picture = seen(label, language).replace("\n", " ")
    assert [told for told in words if told not in picture] == []


def keys_of(label: str) -> list[str]:
    return [key for key in seen(label).split("\n") if re.fullmatch("[0-9]", key)]


def test_each_key_is_drawn_once_for_each_thing_that_it_leads_to() -> None:
    assert sorted(keys_of("as shipped")) == sorted("123451234123")
    assert sorted(keys_of("other keys")) == sorted("127451234123")
    assert sorted(keys_of("a deeper menu")) == sorted("1234512341234123")


def test_each_menu_is_drawn_in_full_once_though_keys_go_round_in_circles() -> None:
    picture = seen("a deeper menu")
    assert picture.count("For calcifications") == 1
    assert picture.count("see that menu") == 3


OUTLINE = [
    "- Main menu, 35 seconds. 0 reaches Central Scheduling.",
    '  - Key 1: About calcifications ("For calcifications"), 21 seconds. 0 reaches the Elliot Breast Health Center.',
    '    - Key 2: Is it cancer? ("To ask about cancer"), 29, 29 and 22 seconds; by text: 2.'
    " 0 reaches the Elliot Breast Health Center.",
    '  - Key 4: Central Scheduling ("For appointments"), 603-663-2180.',
]


def test_the_outline_tells_the_same_in_words(content: Content) -> None:
    lines = describe_menu_tree(content, "en").split("\n")
    assert [line for line in OUTLINE if line not in lines] == []
    pictured = seen("as shipped")
    for line in lines:
        for label in re.findall(r'"(For [a-z]+)', line):
            assert label in pictured


def test_draw_writes_the_picture_and_prints_the_outline(
    content: Content, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    file = tmp_path / "line.svg"
    result: Any = CliRunner().invoke(main, ["prompts", "draw", "-o", str(file), "--language", "es", "--words"])
    assert result.exit_code == 0
    assert result.stdout == f"{describe_menu_tree(content, 'es')}\n"
    assert file.read_text("utf-8") == render_svg(content, "es")


def test_the_picture_in_the_documents_is_of_the_shipped_line(content: Content) -> None:
    shown = (ROOT / "docs/line.svg").read_text("utf-8")
    assert shown == render_svg(content, "en"), "make it anew: infoline prompts draw -o docs/line.svg"
