"""A line drawn as a tree of menus: an SVG for a browser, and for a sheet of A4 or Letter in black and white.

One unit is one point at print size. A menu has a thick frame, a topic a thin one, a person round ends; what each is
stands in the legend, and the whole in words in <desc>.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ivr.line.content.loader import Content
from ivr.line.diagram.menu_tree import DirectoryNode, MenuNode, MenuTree, build_menu_tree, describe_menu_tree

# A4 has 595 points and Letter 612; half an inch on each side is left for the printer.
WIDTH = 523.0
SMALL, PLAIN, LARGE = 9.0, 10.5, 14.0
_LEADING = 1.2
_INDENT, _TREE, _GAP = 26.0, 264.0, 9.0
_PAD, _BETWEEN, _KEY = 5.0, 5.0, 9.0
# A frame's line is not cut at the edge.
_LEFT = 1.0
# Where the second and the third column begin, and how wide they are.
_FACTS, _FACTS_WIDE = _TREE + _GAP, 106.0
_PERSON = _FACTS + _FACTS_WIDE + _GAP
_NARROWEST = 90.0
_FRAMES: dict[str, dict[str, str]] = {
    "menu": {"stroke-width": "2", "fill": "#ececec", "rx": "3"},
    "topic": {"stroke-width": "0.8", "fill": "#fff", "rx": "3"},
    "person": {"stroke-width": "0.8", "fill": "#fff", "rx": "15"},
    "above": {"stroke-width": "0.8", "fill": "#fff", "rx": "3", "stroke-dasharray": "3 2"},
}
_LEGEND = {"menu": "a menu", "topic": "a topic", "person": "a person is rung"}
# How wide a letter is, as a part of the font's size: the widest of the usual fonts without serifs.
_WIDTHS = {**dict.fromkeys("fijlrtI.,:;'|!()[]", 0.4), **dict.fromkeys(" -", 0.36), **dict.fromkeys("mwMW@%", 1.0)}
_BOLD = 1.14


@dataclass
class _Sheet:
    """An SVG that grows downwards. y: the first free line."""

    language: str
    svg: ET.Element
    y: float = 0.0

    def shape(self, name: str, **attributes: str | float) -> None:
        ET.SubElement(self.svg, name, _hyphened(attributes))

    def words(self, x: float, y: float, lines: Iterable[str], size: float = SMALL, **attributes: str) -> float:
        """Lines of words, the first one's top at y; the y below the last."""
        for line in lines:
            told = {"x": _number(x), "y": _number(y + size), "font_size": _number(size), **attributes}
            ET.SubElement(self.svg, "text", _hyphened(told)).text = line
            y += size * _LEADING
        return y


def render_svg(content: Content, language: str) -> str:
    """The picture of a line in one of its languages, as an SVG of WIDTH points."""
    found = build_menu_tree(content, language)
    name = f"line-{language}"
    svg = ET.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "role": "img",
            "aria-labelledby": f"{name}-title {name}-words",
            "lang": "en",
            "font-family": "Helvetica, Arial, sans-serif",
        },
    )
    ET.SubElement(svg, "title", {"id": f"{name}-title"}).text = found.title
    ET.SubElement(svg, "desc", {"id": f"{name}-words"}).text = describe_menu_tree(content, language)
    paper = ET.SubElement(svg, "rect", {"width": "100%", "height": "100%", "fill": "#fff"})
    sheet = _Sheet(language, svg)
    _head(sheet, found)
    _row(sheet, found.root, 0)
    _foot(sheet, found)
    height = _number(sheet.y)
    svg.attrib |= {"width": f"{_number(WIDTH)}pt", "height": f"{height}pt", "viewBox": f"0 0 {_number(WIDTH)} {height}"}
    paper.attrib |= {"width": _number(WIDTH), "height": height}
    ET.indent(svg)
    return ET.tostring(svg, encoding="unicode") + "\n"


def _head(sheet: _Sheet, found: MenuTree) -> None:
    y = sheet.words(0, 2, _wrapped(found.title, WIDTH, LARGE), LARGE, font_weight="bold")
    for words in found.everywhere:
        y = sheet.words(0, y + 2, _wrapped(words, WIDTH))
    y += 8
    for x, words in ((0.0, "Which key leads where"), (_FACTS, "Seconds to hear"), (_PERSON, "Whom 0 reaches")):
        sheet.words(x, y, [words], SMALL, font_weight="bold")
    sheet.y = y + SMALL * _LEADING + 2
    _rule(sheet)


def _rule(sheet: _Sheet) -> None:
    sheet.shape("line", x1=0, y1=sheet.y, x2=WIDTH, y2=sheet.y, stroke="#000", stroke_width=0.8)
    sheet.y += _BETWEEN


def _row(sheet: _Sheet, node: MenuNode, depth: int) -> float:
    """A node and all that is inside; the height at which a line from the menu above meets it."""
    x = _indent(depth)
    wide = _TREE - x
    title = _wrapped(_capital(node.title), wide - 2 * _PAD - _KEY, PLAIN)
    label = _wrapped(f"“{node.label}”", wide - 2 * _PAD - _KEY) if node.label else []
    facts = [line for fact in node.facts for line in _wrapped(fact.removesuffix(" seconds"), _FACTS_WIDE)]
    person = _wrapped(_capital(node.person), WIDTH - _PERSON) if node.person else []
    inner = len(title) * PLAIN * _LEADING + len(label) * SMALL * _LEADING
    high = max(inner, max(len(facts), len(person)) * SMALL * _LEADING) + 2 * _PAD - 3
    top, middle = sheet.y, sheet.y + high / 2
    sheet.shape("rect", x=x, y=top, width=wide, height=high, stroke="#000", **_FRAMES[node.kind])
    y = sheet.words(x + _PAD + _KEY, middle - inner / 2, title, PLAIN, font_weight="bold", lang=sheet.language)
    sheet.words(x + _PAD + _KEY, y, label, lang=sheet.language)
    for at, lines in ((_FACTS, facts), (_PERSON, person)):
        sheet.words(at, middle - len(lines) * SMALL * _LEADING / 2, lines)
    sheet.y = top + high + _BETWEEN
    _branches(sheet, node, depth, top + high)
    if node.key:
        _key(sheet, x, middle, node.key)
    return middle


def _indent(depth: int) -> float:
    """Where a box begins; one that is nested very deep stays wide enough to read."""
    return min(_LEFT + depth * _INDENT, _TREE - _NARROWEST)


def _branches(sheet: _Sheet, node: MenuNode, depth: int, bottom: float) -> None:
    """What is inside a menu, each joined to it by a line."""
    there = _indent(depth + 1)
    stem = min(_indent(depth) + _INDENT / 2 - 4, there)
    ends = [_row(sheet, inner, depth + 1) for inner in node.inside]
    for end in ends:
        sheet.shape("path", d=f"M{_number(stem)} {_number(bottom)}V{_number(end)}H{_number(there - _KEY)}", **_LINE)


_LINE = {"fill": "none", "stroke": "#000", "stroke_width": "0.8"}


def _key(sheet: _Sheet, x: float, y: float, key: str) -> None:
    sheet.shape("circle", cx=x, cy=y, r=_KEY, fill="#000")
    sheet.words(x, y - PLAIN * 0.64, [key], PLAIN, text_anchor="middle", fill="#fff", font_weight="bold")


def _foot(sheet: _Sheet, found: MenuTree) -> None:
    x, y = _LEFT, sheet.y + 2
    for kind, words in _LEGEND.items():
        frame = {**_FRAMES[kind], "rx": "7"} if kind == "person" else _FRAMES[kind]
        sheet.shape("rect", x=x, y=y, width=30, height=14, stroke="#000", **frame)
        sheet.words(x + 36, y + 1, [words])
        x += 130
    sheet.y = y + 20
    _rule(sheet)
    for one in found.rung:
        _rung(sheet, one)
    sheet.y = sheet.words(0, sheet.y, _wrapped(_CLOSED, WIDTH)) + 4


_CLOSED = "When nobody is open, a caller hears when somebody is, and may ask to be called back or for a text."


def _rung(sheet: _Sheet, one: DirectoryNode) -> None:
    name = f"{_capital(one.name)}, {one.number}."
    first, *more = _wrapped(f"{name} {' '.join(one.facts)}", WIDTH - (_BOLD - 1) * _width(name, SMALL))
    y = sheet.words(0, sheet.y, [first])
    if first.startswith(name):
        words = sheet.svg[-1]
        bold = ET.SubElement(words, "tspan", {"font-weight": "bold"})
        words.text, bold.text, bold.tail = None, name, first.removeprefix(name)
    sheet.y = sheet.words(0, y, more) + 3


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]


def _wrapped(words: str, wide: float, size: float = SMALL) -> list[str]:
    """Words in lines of at most `wide` points; a word that is wider stands alone."""
    lines = [""]
    for word in words.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and _width(longer, size) > wide:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _width(words: str, size: float) -> float:
    """An upper bound in points; letters of other scripts count as squares. What is larger than SMALL is bold."""
    size *= 1.0 if size == SMALL else _BOLD
    return size * sum(_WIDTHS.get(letter, 0.63 if ord(letter) < 0x250 else 1.0) for letter in words)


def _hyphened(attributes: Mapping[str, str | float]) -> dict[str, str]:
    return {name.replace("_", "-"): _number(value) for name, value in attributes.items()}


def _number(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")
