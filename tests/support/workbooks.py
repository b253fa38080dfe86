"""XLSX files for tests, written by hand as spreadsheets write them: `workbook({"Sheet1": rows})`."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time
from xml.sax.saxutils import escape

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
TYPES = (
    f'<Types xmlns="{PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>'
)
# The styles by their place: none, a moment, a date, a time.
STYLES = (
    f'<styleSheet xmlns="{MAIN}"><cellXfs count="4"><xf numFmtId="0"/><xf numFmtId="22"/><xf numFmtId="14"/>'
    '<xf numFmtId="20"/></cellXfs></styleSheet>'
)
Value = str | float | bool | datetime | date | time | None


def workbook(sheets: Mapping[str, Iterable[Sequence[Value]] | str], hidden: str = "") -> bytes:
    """The bytes of a workbook. sheets: by name, rows of values or the XML of its rows."""
    names = list(sheets)
    parts = {
        "[Content_Types].xml": TYPES,
        "_rels/.rels": _relations({"officeDocument": ["xl/workbook.xml"]}),
        "xl/workbook.xml": _book(names, hidden),
        "xl/_rels/workbook.xml.rels": _relations(
            {"worksheet": [f"worksheets/sheet{place}.xml" for place, _ in enumerate(names)], "styles": ["styles.xml"]}
        ),
        "xl/styles.xml": STYLES,
    }
    for place, rows in enumerate(sheets.values()):
        written = rows if isinstance(rows, str) else "".join(map(_row, range(1, 1_000_000), rows))
        sheet = f'<worksheet xmlns="{MAIN}"><sheetData>{written}</sheetData></worksheet>'
        parts[f"xl/worksheets/sheet{place}.xml"] = sheet
    return packed(parts)


def packed(parts: Mapping[str, str | bytes]) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return written.getvalue()


def _book(names: list[str], hidden: str) -> str:
    state = {hidden: ' state="hidden"'}
    sheets = "".join(
        f'<sheet name="{name}" sheetId="{place + 1}" r:id="rId{place}"{state.get(name, "")}/>'
        for place, name in enumerate(names)
    )
    return f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>{sheets}</sheets></workbook>'


def _relations(targets: Mapping[str, list[str]]) -> str:
    pairs = [(kind, target) for kind, all_of_kind in targets.items() for target in all_of_kind]
    one = '<Relationship Id="rId{}" Type="{}/{}" Target="{}"/>'
    written = "".join(one.format(place, OFFICE, kind, target) for place, (kind, target) in enumerate(pairs))
    return f'<Relationships xmlns="{PACKAGE}/relationships">{written}</Relationships>'


def _row(number: int, values: Sequence[Value]) -> str:
    return f'<row r="{number}">{"".join(map(_cell, values))}</row>'


def _cell(value: Value) -> str:
    if value is None:
        return "<c/>"
    if isinstance(value, str):
        return f'<c t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'
    if isinstance(value, bool):
        return f'<c t="b"><v>{int(value)}</v></c>'
    style, number = _number(value)
    return f'<c s="{style}"><v>{number!r}</v></c>'


def _number(value: float | datetime | date | time) -> tuple[int, float]:
    """A style and a serial number: days since 1899-12-30."""
    zero = datetime(1899, 12, 30)  # noqa: DTZ001 - a spreadsheet's times have no zone
    if isinstance(value, datetime):
        return 1, (value - zero).total_seconds() / 86_400
    if isinstance(value, date):
        return 2, (value - zero.date()).days
    if isinstance(value, time):
        return 3, (value.hour * 3600 + value.minute * 60 + value.second) / 86_400
    return 0, value
