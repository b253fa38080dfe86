"""What commands print and accept on a terminal of 80 columns: option types, tables, findings, errors, exit statuses.

Values may come from files and text messages, so all output passes `clean`: an escape code could hide or forge a line.
"""

from __future__ import annotations

import json
import re
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    from ivr.line.content.findings import Finding

FINDINGS = 1
WRONG_USE = 2
WIDTH = 80
# Control characters (C0, DEL, C1), line separators, marks that change the direction of text, and lone surrogates.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff\ufff9-\ufffb]"
)
_UNSAFE_IN_JSON = re.compile(_UNSAFE.pattern.replace("\x00-\x1f", ""))
_COLORS = {"error": "red", "warning": "yellow"}

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


class _Number(click.ParamType[int]):
    """An id in the database: a positive 32-bit integer."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if not re.fullmatch(r"[0-9]{1,10}", str(value)) or not 0 < int(value) < 2**31:
            self.fail(f"`{value}` is not a number from the list: write one like 12.", param, ctx)
        return int(value)


class _Text(click.ParamType[str]):
    """Text to store. A terminal that is not set to UTF-8 may send bytes that cannot be encoded."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            str(value).encode()
        except UnicodeEncodeError:
            self.fail("This text is not valid UTF-8: type it again, or set the terminal to UTF-8.", param, ctx)
        return str(value)


NUMBER, TEXT = _Number(), _Text()


def clean(text: str, allowed: str = "") -> str:
    """Text that is safe on a terminal: control characters and direction overrides become escapes such as \\x1b."""
    return _UNSAFE.sub(
        lambda match: match[0] if match[0] in allowed else match[0].encode("unicode_escape").decode(), text
    )


def echo(text: object = "", *, err: bool = False, **style: Any) -> None:
    """Print cleaned lines. style: as for `click.style`."""
    click.secho(clean(str(text), allowed="\n"), err=err, **style)


def note(text: str) -> None:
    """A remark that is not part of the output, on standard error."""
    echo(text, err=True)


def fail(message: object, status: int = WRONG_USE) -> NoReturn:
    """Print an error and exit. Wraps at 80 columns on a terminal only: programs and logs get one line."""
    text = str(message)
    if sys.stderr.isatty():
        text = "\n".join(textwrap.fill(line, WIDTH, subsequent_indent="  ") for line in text.splitlines())
    echo(text, err=True)
    sys.exit(status)


@contextmanager
def exit_on(*errors: type[Exception], status: int = WRONG_USE) -> Iterator[None]:
    """Exit with the message of one of these errors."""
    try:
        yield
    except errors as error:
        fail(error, status)


def print_table(
    headings: Sequence[str], rows: Iterable[Sequence[str]], *, right: Iterable[str] = (), unwrapped: int = 0
) -> None:
    """A table of at most 80 columns. right: headings to right-align; unwrapped: how many leading columns never wrap."""
    cells = [tuple(headings), *(tuple(map(clean, row)) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    while sum(widths) + 2 * (len(widths) - 1) > WIDTH:
        widest = max(range(unwrapped, len(widths)), key=lambda index: widths[index])
        if widths[widest] <= 1:
            break
        widths[widest] -= 1
    aligns = [">" if heading in right else "<" for heading in headings]
    for number, row in enumerate(cells):
        wrapped = [_wrap_cell(cell, width) for cell, width in zip(row, widths, strict=True)]
        for parts in zip_longest(*wrapped, fillvalue=""):
            line = "  ".join(f"{part:{align}{width}}" for part, align, width in zip(parts, aligns, widths, strict=True))
            echo(line.rstrip(), bold=number == 0)


def _wrap_cell(text: str, width: int) -> list[str]:
    indent = " " * (len(text) - len(text.lstrip()))
    return [
        indent + line for line in textwrap.wrap(text.lstrip(), max(width - len(indent), 1), break_on_hyphens=False)
    ] or [""]


def print_wrapped(sentence: str) -> None:
    """A sentence wrapped at 80 columns."""
    echo(textwrap.fill(clean(sentence), WIDTH, subsequent_indent="  "))


def print_message(location: str, level: str, message: str, code: str) -> None:
    """A finding or row error, wrapped at 80 columns, with its level in color on a terminal."""
    lines = textwrap.fill(clean(f"{location}: {level}: {message} [{code}]"), WIDTH, subsequent_indent="  ")
    click.echo(lines.replace(f" {level}:", f" {click.style(level, fg=_COLORS[level])}:", 1))


def print_findings(findings: Iterable[Finding]) -> None:
    for finding in findings:
        location = f"{finding.file}:{finding.line}" if finding.line else finding.file
        print_message(location, finding.level, finding.message, finding.rule)


def print_json(value: Any) -> None:
    """JSON on one line. Unsafe characters, which only strings contain, are written as escapes such as \\u009b."""
    text = json.dumps(value, ensure_ascii=False)
    click.echo(_UNSAFE_IN_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", text))
