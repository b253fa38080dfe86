"""The diagram of the line and its outline as text: they follow the content, and print on one sheet."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ivr.cli import main
from ivr.line.content.loader import Content, read_content
from ivr.line.diagram.menu_tree import build_menu_tree, describe_menu_tree, with_callers
from ivr.line.diagram.svg import WIDTH, draw_tree, render_svg
from tests.line.audio.test_convert import sound, tone
from tests.line.content.test_loader import SHIPPED
from tests.support.paths import ROOT

SVG = "{http://www.w3.org/2000/svg}"
# Letter is 792 points high; half an inch at each end is left for the printer.
SHEET_HEIGHT = 720.0
# How much wider bold letters are, and, as a part of its size, the average letter of a wide font.
BOLD, AVERAGE_LETTER = 1.12, 0.55
Files = dict[str, bytes]


def replaced(files: Files, file: str, *changes: tuple[str, str]) -> Files:
    text = files[file].decode()
    for old, new in changes:
        assert old in text, f"{file} no longer contains {old!r}"
        text = text.replace(old, new)
    return {**files, file: text.encode()}


def with_portuguese(files: Files) -> Files:
    """The shipped line with a third language, a copy of the Spanish prompts."""
    files |= {f"pt/{name.removeprefix('es/')}": data for name, data in files.items() if name.startswith("es/")}
    config = files["line.yaml"].decode()
    spanish = re.search(r"\n  es:\n    name: Español.*?(?=\n\n)", config, re.DOTALL)
    assert spanish
    portuguese = spanish[0].replace("  es:", "  pt:").replace("Español", "Português")
    config = config.replace(spanish[0], spanish[0] + portuguese)
    config = re.sub(r"(, )es: (\[[^\]]*\]|\"[^\"]*\"|[^,}\]]+)", r"\1es: \2, pt: \2", config)
    return {
        **files,
        "line.yaml": config.replace("\n  es: Elliot", "\n  es: Elliot Health System\n  pt: Elliot").encode(),
    }


def with_different_keys(files: Files) -> Files:
    files = replaced(files, "line.yaml", ("3: getting-ready, 4", "7: getting-ready, 4"))
    for language in ("en", "es"):
        files = replaced(files, f"{language}/welcome.md", ("\n3. ", "\n7. "))
    return files


def with_a_deeper_menu(files: Files) -> Files:
    """The shipped line with a third level of menus, and keys that lead back up."""
    files = replaced(
        files,
        "line.yaml",
        ("3: more-pictures, 4: next-steps}", "3: deeper, 4: welcome}"),
        ("  people:\n    person", "  deeper:\n    person: breast-diagnostic-center\n    choices: {1: more-pictures,"
                                  " 2: next-steps, 3: calcifications, 4: people}\n  people:\n    person"),
    )  # fmt: skip
    menu = b'---\ntitle: A < B & "C"\nsources: [line]\nreviewed: {}\n---\n## Spoken\n\nPlease choose.\n\n## Choices\n\n'
    menu += b"1. For one\n2. For two\n3. For three\n4. For four\n"
    return {**files, "en/deeper.md": menu, "es/deeper.md": menu}


def with_a_recording(files: Files) -> Files:
    return {**files, "recordings/en/cancer-2.wav": sound(tone(440, seconds=7, rate=8_000), 8_000)}


def with_another_entry(files: Files) -> Files:
    people_menu = ("  people:\n    person: central-scheduling", "  people:\n    person: clinic")
    entry = (
        "  - id: clinic\n    name: {en: the clinic, es: la clínica}\n    number: 603-555-0100\n"
        "    for: {en: anything, es: todo}\n    hours: {Sat: 09:00-12:00}\n    next: []\n    ring: 15\n"
    )
    next_section = "\n# Numbers outside"
    return replaced(files, "line.yaml", people_menu, (next_section, f"{entry}{next_section}"))


CHANGED: dict[str, Callable[[Files], Files]] = {
    "as shipped": dict,
    "three languages": with_portuguese,
    "different keys": with_different_keys,
    "a deeper menu": with_a_deeper_menu,
    "a recording": with_a_recording,
    "another entry": with_another_entry,
}


def content_of(label: str) -> Content:
    return read_content(CHANGED[label](dict(SHIPPED)))


def number(element: ET.Element, name: str) -> float:
    return float(element.attrib[name])


@pytest.fixture(params=[(label, language) for label in CHANGED for language in ("en", "es")], ids=" in ".join)
def diagram(request: pytest.FixtureRequest) -> ET.Element:
    label, language = request.param
    return ET.fromstring(render_svg(content_of(label), language))


def test_a_diagram_has_an_accessible_name_and_description(content: Content) -> None:
    svg = ET.fromstring(render_svg(content, "en"))
    named = {element.get("id"): element for element in svg if element.get("id")}
    title, description = (named[name] for name in svg.attrib["aria-labelledby"].split())
    assert svg.attrib["role"] == "img"
    assert (title.tag, title.text) == (f"{SVG}title", "Elliot Health System: what callers hear in English")
    assert (description.tag, description.text) == (f"{SVG}desc", describe_menu_tree(content, "en"))
    assert render_svg(content, "en") == render_svg(content, "en")


def test_the_ids_of_two_diagrams_on_one_page_do_not_clash(content: Content) -> None:
    ids = [set(re.findall(r' id="([^"]+)"', render_svg(content, language))) for language in ("en", "es")]
    assert all(ids)
    assert not ids[0] & ids[1]


def test_text_is_at_least_9_points_and_inside_the_sheet(diagram: ET.Element) -> None:
    width, height = (float(value) for value in diagram.attrib["viewBox"].split()[2:])
    assert (diagram.attrib["width"], diagram.attrib["height"]) == (f"{width:g}pt", f"{height:.10g}pt")
    assert width == WIDTH
    for text in diagram.iter(f"{SVG}text"):
        assert number(text, "font-size") >= 9
        assert 0 <= number(text, "x") < width
        assert number(text, "font-size") <= number(text, "y") <= height


def test_the_diagram_uses_only_black_white_and_one_gray(diagram: ET.Element) -> None:
    colors = {element.get(name) for element in diagram.iter() for name in ("fill", "stroke")}
    assert colors <= {None, "none", "#000", "#fff", "#ececec"}


def boxes(diagram: ET.Element) -> list[ET.Element]:
    return [box for box in diagram.iter(f"{SVG}rect") if box.get("stroke")]


def test_boxes_do_not_overlap_or_leave_the_sheet(diagram: ET.Element) -> None:
    width, height = (float(value) for value in diagram.attrib["viewBox"].split()[2:])
    edges = [
        (left, top, left + number(box, "width"), top + number(box, "height"))
        for box in boxes(diagram)
        for left, top in [(number(box, "x"), number(box, "y"))]
    ]
    assert len(edges) >= 16
    for left, top, right, bottom in edges:
        assert left >= 0
        assert right <= width
        assert bottom <= height
        overlapping = [
            other for other in edges if other[0] < right and other[2] > left and top < other[3] and bottom > other[1]
        ]
        assert overlapping == [(left, top, right, bottom)]


@pytest.mark.parametrize("language", ["en", "es"])
def test_texts_of_one_line_do_not_run_into_each_other(content: Content, language: str) -> None:
    tree = with_callers(build_menu_tree(content, language), 1_000, {"1": 1_000})
    lines = defaultdict(list)
    for text in ET.fromstring(draw_tree(tree, language)).iter(f"{SVG}text"):
        if text.get("text-anchor") != "middle":
            lines[text.attrib["y"]].append(text)
    for texts in lines.values():
        texts.sort(key=lambda text: number(text, "x"))
        for text, following in pairwise(texts):
            size = number(text, "font-size") * (BOLD if text.get("font-weight") else 1)
            assert number(text, "x") + AVERAGE_LETTER * size * len(text.text or "") < number(following, "x"), text.text


def test_titles_and_labels_stay_within_the_height_of_their_box(diagram: ET.Element) -> None:
    spans = [(number(box, "y"), number(box, "y") + number(box, "height")) for box in boxes(diagram)]
    for text in diagram.iter(f"{SVG}text"):
        if text.get("lang"):
            y, size = number(text, "y"), number(text, "font-size")
            assert any(top <= y - size * 0.8 and y + size * 0.2 <= bottom for top, bottom in spans), text.text


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_shipped_line_prints_on_one_sheet(content: Content, language: str) -> None:
    diagram = ET.fromstring(render_svg(content, language))
    assert float(diagram.attrib["viewBox"].split()[3]) <= SHEET_HEIGHT


def visible_text(label: str, language: str = "en") -> str:
    diagram = ET.fromstring(render_svg(content_of(label), language))
    return "\n".join("".join(text.itertext()).strip() for text in diagram.iter(f"{SVG}text"))


SHOWN: list[tuple[str, str, list[str]]] = [
    ("as shipped", "en", ["Main menu", "“About calcifications”", "30, 28 and 23", "by text: 2", "603-663-2180"]),
    ("as shipped", "en", ["Key 8 goes on to Spanish.", "Central Scheduling", "No answer in 25 seconds"]),
    ("as shipped", "es", ["Menú principal", "¿Es cáncer?", "La oficina de citas", "Key 8 goes on to English."]),
    ("three languages", "en", ["Key 8 goes on to Spanish, then Portuguese."]),
    ("three languages", "es", ["Key 8 goes on to Portuguese, then English."]),
    ("three languages", "pt", ["what callers hear in Portuguese", "Menú principal"]),
    ("a deeper menu", "en", ['A < B & "C"', "“For three”", "see that menu"]),
    ("a recording", "en", ["30, 7 and 23"]),
    ("another entry", "en", ["The clinic, 603-555-0100.", "Saturday from 9:00 AM to 12:00 PM", "a call back"]),
]


@pytest.mark.parametrize(("label", "language", "expected"), SHOWN, ids=[f"{case[0]}: {case[2][0]}" for case in SHOWN])
def test_a_diagram_follows_the_content(label: str, language: str, expected: list[str]) -> None:
    diagram = visible_text(label, language).replace("\n", " ")
    assert [text for text in expected if text not in diagram] == []


def keys_of(label: str) -> list[str]:
    return [key for key in visible_text(label).split("\n") if re.fullmatch("[0-9]", key)]


def test_each_key_is_drawn_once_for_each_of_its_targets() -> None:
    assert sorted(keys_of("as shipped")) == sorted("1234123412123")
    assert sorted(keys_of("different keys")) == sorted("1274123412123")
    assert sorted(keys_of("a deeper menu")) == sorted("12341234123412123")


def test_each_menu_is_drawn_in_full_once_even_if_keys_lead_back_up() -> None:
    diagram = visible_text("a deeper menu")
    assert diagram.count("“About calcifications”") == 1
    assert diagram.count("see that menu") == 3


OUTLINE = [
    "- Main menu, 32 seconds. 0 reaches Central Scheduling.",
    '  - Key 1: About calcifications ("About calcifications"), 23 seconds. 0 reaches the Elliot Breast Health Center.',
    '    - Key 2: Is it cancer? ("About cancer"), 30, 28 and 23 seconds; by text: 2.'
    " 0 reaches the Elliot Breast Health Center.",
    '  - Key 2: Central Scheduling ("For appointments"), 603-663-2180.',
]


def test_the_outline_matches_the_diagram(content: Content) -> None:
    lines = describe_menu_tree(content, "en").split("\n")
    assert [line for line in OUTLINE if line not in lines] == []
    diagram = visible_text("as shipped")
    for line in lines:
        for label in re.findall(r'"(For [a-z]+)', line):
            assert label in diagram


def test_draw_writes_the_diagram_and_prints_the_outline(
    content: Content, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    file = tmp_path / "line.svg"
    result: Any = CliRunner().invoke(main, ["prompts", "draw", "-o", str(file), "--language", "es", "--words"])
    assert result.exit_code == 0
    assert result.stdout == f"{describe_menu_tree(content, 'es')}\n"
    assert file.read_text("utf-8") == render_svg(content, "es")


def test_the_diagram_in_the_docs_shows_the_shipped_line(content: Content) -> None:
    documented = (ROOT / "docs/line.svg").read_text("utf-8")
    assert documented == render_svg(content, "en"), "regenerate it: infoline prompts draw -o docs/line.svg"
