"""XLSX files for tests, with the XML that spreadsheet programs write: `workbook({"Sheet1": rows})`."""

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
# Styles by index: none, date with time, date, time.
STYLES = (
    f'<styleSheet xmlns="{MAIN}"><cellXfs count="4"><xf numFmtId="0"/><xf numFmtId="22"/><xf numFmtId="14"/>'
    '<xf numFmtId="20"/></cellXfs></styleSheet>'
)
Value = str | float | bool | datetime | date | time | None


def workbook(
    sheets: Mapping[str, Iterable[Sequence[Value]] | str], hidden: str = "", hidden_rows: Sequence[int] = ()
) -> bytes:
    """The bytes of a workbook. sheets: the rows of each by name, as values or as XML. hidden: the name of a sheet.

    hidden_rows: the numbers of rows that a filter hides in all sheets.
    """
    names = list(sheets)
    parts = {
        "[Content_Types].xml": TYPES,
        "_rels/.rels": _relationships_xml({"officeDocument": ["xl/workbook.xml"]}),
        "xl/workbook.xml": _workbook_xml(names, hidden),
        "xl/_rels/workbook.xml.rels": _relationships_xml(
            {"worksheet": [f"worksheets/sheet{index}.xml" for index, _ in enumerate(names)], "styles": ["styles.xml"]}
        ),
        "xl/styles.xml": STYLES,
    }
    for index, rows in enumerate(sheets.values()):
        xml = rows if isinstance(rows, str) else "".join(map(_row_xml, range(1, 1_000_000), rows))
        for number in hidden_rows:
            xml = xml.replace(f'<row r="{number}"', f'<row r="{number}" hidden="1"')
        sheet = f'<worksheet xmlns="{MAIN}"><sheetData>{xml}</sheetData></worksheet>'
        parts[f"xl/worksheets/sheet{index}.xml"] = sheet
    return zip_file(parts)


def zip_file(parts: Mapping[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return buffer.getvalue()


def _workbook_xml(names: list[str], hidden: str) -> str:
    states = {hidden: ' state="hidden"'}
    sheets = "".join(
        f'<sheet name="{name}" sheetId="{index + 1}" r:id="rId{index}"{states.get(name, "")}/>'
        for index, name in enumerate(names)
    )
    return f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>{sheets}</sheets></workbook>'


def _relationships_xml(targets: Mapping[str, list[str]]) -> str:
    pairs = [(kind, target) for kind, files in targets.items() for target in files]
    template = '<Relationship Id="rId{}" Type="{}/{}" Target="{}"/>'
    xml = "".join(template.format(index, OFFICE, kind, target) for index, (kind, target) in enumerate(pairs))
    return f'<Relationships xmlns="{PACKAGE}/relationships">{xml}</Relationships>'


def _row_xml(number: int, values: Sequence[Value]) -> str:
    return f'<row r="{number}">{"".join(map(_cell_xml, values))}</row>'


def _cell_xml(value: Value) -> str:
    if value is None:
        return "<c/>"
    if isinstance(value, str):
        return f'<c t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'
    if isinstance(value, bool):
        return f'<c t="b"><v>{int(value)}</v></c>'
    style, number = _style_and_number(value)
    return f'<c s="{style}"><v>{number!r}</v></c>'


def _style_and_number(value: float | datetime | date | time) -> tuple[int, float]:
    """The index of a style, and the serial number: days since 1899-12-30."""
    epoch = datetime(1899, 12, 30)  # noqa: DTZ001 - times in a spreadsheet have no time zone
    if isinstance(value, datetime):
        return 1, (value - epoch).total_seconds() / 86_400
    if isinstance(value, date):
        return 2, (value - epoch.date()).days
    if isinstance(value, time):
        return 3, (value.hour * 3600 + value.minute * 60 + value.second) / 86_400
    return 0, value
