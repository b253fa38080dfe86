"""Phone numbers as people and programs write them in a cell, reduced to the digits if they can be read in one way."""

from __future__ import annotations

import re

# A label before a number, such as "Cell:", and a remark after it, such as "(cell)" or a name.
_LABEL = re.compile(r"^(?:'|tel:|[a-z][a-z .]{0,20}[:#]\s*)", re.IGNORECASE)
_REMARK = re.compile(r"[\s,;(]+[a-z][a-z .)]*$|[,;]+$", re.IGNORECASE)
_EXTENSION = re.compile(r"\b(?:x|ext|extension)\b|#", re.IGNORECASE)
# 603-555-0123, with anything between the groups that people use.
_GROUPS = re.compile(
    r"(?:(?:\+|00|011)?\s?1)?[\s.\-/_*(]{0,3}(\d{3})[\s.\-/_*)]{0,3}(\d{3})[\s.\-/_*]{0,3}(\d{4})(?:\.0)?$", re.ASCII
)
_DASHES = re.compile("[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")
# 6.035550123E9: all ten digits are there.
_WHOLE_EXPONENT = re.compile(r"(\d)\.(\d{9})[eE]\+?0?9$", re.ASCII)


def readable_phone(cell: str) -> str:
    """The number as +1 and ten digits if the cell has one American number, else the cell as it is.

    cell: without characters that nobody sees. Whether the number exists is checked by parse_phone.
    """
    text = _LABEL.sub("", _DASHES.sub("-", cell))
    if _EXTENSION.search(text):
        return cell
    text = _REMARK.sub("", text).strip()
    match = _GROUPS.match(_WHOLE_EXPONENT.sub(r"\1\2", text))
    if match is None:
        return cell
    return "+1" + "".join(match.groups())
