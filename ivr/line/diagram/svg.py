"""The menu tree as an SVG: for a browser, and for a black-and-white printer on A4 or Letter.

One unit is one point at print size. A menu has a thick frame, a topic a thin one, a person round ends; a legend
explains the frames, and <desc> holds the whole tree as text.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ivr.line.content.loader import Content
from ivr.line.diagram.menu_tree import (
    DirectoryNode,
    MenuNode,
    MenuTree,
    build_menu_tree,
    callers_words,
    describe_tree,
)

# A4 is 595 points wide and Letter 612; half an inch on each side is left for the printer.
WIDTH = 523.0
SMALL, PLAIN, LARGE = 9.0, 10.5, 14.0
_LEADING = 1.2
_INDENT, _TREE_WIDTH, _GAP = 26.0, 264.0, 9.0
_PADDING, _ROW_GAP, _KEY_RADIUS = 5.0, 5.0, 9.0
# Keeps the stroke of a frame from being cut off at the edge.
_LEFT = 1.0
# Where the second and third columns start.
_FACTS_X, _FACTS_WIDTH = _TREE_WIDTH + _GAP, 106.0
_PERSON_X = _FACTS_X + _FACTS_WIDTH + _GAP
_MIN_BOX_WIDTH = 90.0
# Of the line to a branch that every caller takes.
_THICKEST = 12.0
_FRAMES: dict[str, dict[str, str]] = {
    "menu": {"stroke-width": "2", "fill": "#ececec", "rx": "3"},
    "topic": {"stroke-width": "0.8", "fill": "#fff", "rx": "3"},
    "person": {"stroke-width": "0.8", "fill": "#fff", "rx": "15"},
    "above": {"stroke-width": "0.8", "fill": "#fff", "rx": "3", "stroke-dasharray": "3 2"},
}
_LEGEND = {"menu": "a menu", "topic": "a topic", "person": "a person is called"}
_CLOSED_NOTE = "When every office is closed, callers hear when one opens, and can ask for a call-back or a text."
# Width of a character as a fraction of the font size, in the widest common sans-serif font.
_WIDTHS = {**dict.fromkeys("fijlrtI.,:;'|!()[]", 0.4), **dict.fromkeys(" -", 0.36), **dict.fromkeys("mwMW@%", 1.0)}
_BOLD = 1.14


@dataclass
class _Sheet:
    """An SVG that grows downward. y: the top of the free space. calls: how many the numbers of callers are part of."""

    language: str
    svg: ET.Element
    y: float = 0.0
    calls: int = 0

    def shape(self, name: str, **attributes: str | float) -> None:
        ET.SubElement(self.svg, name, _hyphenate(attributes))

    def text(self, x: float, y: float, lines: Iterable[str], size: float = SMALL, **attributes: str) -> float:
        """Draws lines of text, the top of the first at y. Returns the y below the last."""
        for line in lines:
            all_attributes = {"x": _number(x), "y": _number(y + size), "font_size": _number(size), **attributes}
            ET.SubElement(self.svg, "text", _hyphenate(all_attributes)).text = line
            y += size * _LEADING
        return y


def render_svg(content: Content, language: str) -> str:
    """The diagram of a line in one of its languages, as an SVG WIDTH points wide."""
    return draw_tree(build_menu_tree(content, language), language)


def draw_tree(tree: MenuTree, language: str) -> str:
    """The diagram of a tree. With numbers of callers, a branch is as thick as its part of all calls."""
    name = f"line-{language}"
    attributes = {
        "xmlns": "http://www.w3.org/2000/svg",
        "role": "img",
        "aria-labelledby": f"{name}-title {name}-words",
        "lang": "en",
        "font-family": "Helvetica, Arial, sans-serif",
    }
    svg = ET.Element("svg", attributes)
    ET.SubElement(svg, "title", {"id": f"{name}-title"}).text = tree.title
    ET.SubElement(svg, "desc", {"id": f"{name}-words"}).text = describe_tree(tree)
    paper = ET.SubElement(svg, "rect", {"width": "100%", "height": "100%", "fill": "#fff"})
    sheet = _Sheet(language, svg, calls=tree.root.callers or 0)
    _draw_header(sheet, tree)
    _draw_row(sheet, tree.root, 0)
    _draw_footer(sheet, tree)
    height = _number(sheet.y)
    svg.attrib |= {"width": f"{_number(WIDTH)}pt", "height": f"{height}pt", "viewBox": f"0 0 {_number(WIDTH)} {height}"}
    paper.attrib |= {"width": _number(WIDTH), "height": height}
    ET.indent(svg)
    return ET.tostring(svg, encoding="unicode") + "\n"


def _draw_header(sheet: _Sheet, tree: MenuTree) -> None:
    y = sheet.text(0, 2, _wrap(tree.title, WIDTH, LARGE), LARGE, font_weight="bold")
    for sentence in tree.everywhere:
        y = sheet.text(0, y + 2, _wrap(sentence, WIDTH))
    y += 8
    facts = "Seconds to hear" if tree.root.callers is None else "Callers; seconds to hear"
    # Side by side, and ending in one line.
    columns = [
        (x, _wrap(heading, width / _BOLD))
        for x, width, heading in (
            (0.0, _TREE_WIDTH, "Where keys lead"),
            (_FACTS_X, _FACTS_WIDTH, facts),
            (_PERSON_X, WIDTH - _PERSON_X, "Whom 0 reaches"),
        )
    ]
    bottom = y + max(len(lines) for _, lines in columns) * SMALL * _LEADING
    for x, lines in columns:
        sheet.text(x, bottom - len(lines) * SMALL * _LEADING, lines, SMALL, font_weight="bold")
    sheet.y = bottom + 2
    _draw_rule(sheet)


def _draw_rule(sheet: _Sheet) -> None:
    sheet.shape("line", x1=0, y1=sheet.y, x2=WIDTH, y2=sheet.y, stroke="#000", stroke_width=0.8)
    sheet.y += _ROW_GAP


def _draw_row(sheet: _Sheet, node: MenuNode, depth: int) -> float:
    """Draws a node and its children. Returns the y at which the parent's connector meets it."""
    x = _box_x(depth)
    width = _TREE_WIDTH - x
    text_x, text_width = x + _PADDING + _KEY_RADIUS, width - 2 * _PADDING - _KEY_RADIUS
    title = _wrap(_capitalize(node.title), text_width, PLAIN)
    label = _wrap(f"“{node.label}”", text_width) if node.label else []
    facts = [line for fact in node.facts for line in _wrap(fact.removesuffix(" seconds"), _FACTS_WIDTH)]
    callers = [] if node.callers is None else [callers_words(node.callers)]
    person = _wrap(_capitalize(node.person), WIDTH - _PERSON_X) if node.person else []
    inner = len(title) * PLAIN * _LEADING + len(label) * SMALL * _LEADING
    height = max(inner, max(len(facts) + len(callers), len(person)) * SMALL * _LEADING) + 2 * _PADDING - 3
    top, middle = sheet.y, sheet.y + height / 2
    sheet.shape("rect", x=x, y=top, width=width, height=height, stroke="#000", **_FRAMES[node.kind])
    y = sheet.text(text_x, middle - inner / 2, title, PLAIN, font_weight="bold", lang=sheet.language)
    sheet.text(text_x, y, label, lang=sheet.language)
    y = middle - (len(callers) + len(facts)) * SMALL * _LEADING / 2
    sheet.text(_FACTS_X, sheet.text(_FACTS_X, y, callers, font_weight="bold"), facts)
    sheet.text(_PERSON_X, middle - len(person) * SMALL * _LEADING / 2, person)
    sheet.y = top + height + _ROW_GAP
    _draw_children(sheet, node, depth, top + height)
    if node.key:
        _draw_key(sheet, x, middle, node.key)
    return middle


def _box_x(depth: int) -> float:
    """The left edge of a box; deeply nested boxes stay wide enough to read."""
    return min(_LEFT + depth * _INDENT, _TREE_WIDTH - _MIN_BOX_WIDTH)


def _draw_children(sheet: _Sheet, node: MenuNode, depth: int, bottom: float) -> None:
    child_x = _box_x(depth + 1)
    stem = min(_box_x(depth) + _INDENT / 2 - 4, child_x)
    ends = [_draw_row(sheet, child, depth + 1) for child in node.children]
    for child, end in zip(node.children, ends, strict=True):
        path = f"M{_number(stem)} {_number(bottom)}V{_number(end)}H{_number(child_x - _KEY_RADIUS)}"
        sheet.shape("path", d=path, fill="none", stroke="#000", stroke_width=0.8)
        if child.callers:
            width = 0.8 + (_THICKEST - 0.8) * min(1.0, child.callers / max(1, sheet.calls))
            sheet.shape("line", x1=stem, y1=end, x2=child_x - _KEY_RADIUS, y2=end, stroke="#000", stroke_width=width)


def _draw_key(sheet: _Sheet, x: float, y: float, key: str) -> None:
    sheet.shape("circle", cx=x, cy=y, r=_KEY_RADIUS, fill="#000")
    sheet.text(x, y - PLAIN * 0.64, [key], PLAIN, text_anchor="middle", fill="#fff", font_weight="bold")


def _draw_footer(sheet: _Sheet, tree: MenuTree) -> None:
    x, y = _LEFT, sheet.y + 2
    for kind, meaning in _LEGEND.items():
        frame = _FRAMES[kind] | ({"rx": "7"} if kind == "person" else {})
        sheet.shape("rect", x=x, y=y, width=30, height=14, stroke="#000", **frame)
        sheet.text(x + 36, y + 1, [meaning])
        x += 130
    sheet.y = y + 20
    _draw_rule(sheet)
    for entry in tree.directory:
        _draw_directory_node(sheet, entry)
    sheet.y = sheet.text(0, sheet.y, _wrap(_CLOSED_NOTE, WIDTH)) + 4


def _draw_directory_node(sheet: _Sheet, entry: DirectoryNode) -> None:
    name = f"{_capitalize(entry.name)}, {entry.number}."
    first, *rest = _wrap(f"{name} {' '.join(entry.facts)}", WIDTH - (_BOLD - 1) * _text_width(name, SMALL))
    y = sheet.text(0, sheet.y, [first])
    if first.startswith(name):
        text = sheet.svg[-1]
        bold = ET.SubElement(text, "tspan", {"font-weight": "bold"})
        text.text, bold.text, bold.tail = None, name, first.removeprefix(name)
    sheet.y = sheet.text(0, y, rest) + 3


def _capitalize(name: str) -> str:
    return name[:1].upper() + name[1:]


def _wrap(text: str, width: float, size: float = SMALL) -> list[str]:
    """Text in lines of at most `width` points; a wider word gets a line to itself."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and _text_width(longer, size) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _text_width(text: str, size: float) -> float:
    """An upper bound in points. Sizes above SMALL are bold; letters outside Latin scripts count as squares."""
    size *= 1.0 if size == SMALL else _BOLD
    return size * sum(_WIDTHS.get(letter, 0.63 if ord(letter) < 0x250 else 1.0) for letter in text)


def _hyphenate(attributes: Mapping[str, str | float]) -> dict[str, str]:
    return {name.replace("_", "-"): _number(value) for name, value in attributes.items()}


def _number(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")
