"""Downloads as CSV: sent while the rows are read, a slice at a time, so that no file is ever held as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from flask import Response, request, stream_with_context

from ivr import log
from ivr.reminders.reports.export import csv_slices


def csv_download(rows: Iterable[Mapping[str, str]], columns: Sequence[str], name: str) -> Response:
    """A CSV file with the byte-order mark that Excel needs, and with formulas escaped.

    rows: read in short transactions, because a slow browser must not keep one open. What the first slice raises, this
    raises, so that a page can say it.
    """
    slices = csv_slices(rows, columns)
    first = next(slices)
    response = Response(stream_with_context(_body(first, slices)), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _body(first: str, slices: Iterator[str]) -> Iterator[str]:
    yield "\ufeff" + first
    try:
        yield from slices
    except Exception:
        # The browser has the first rows already: a cut connection is the only way to say that the file is not complete.
        log.get_logger().exception("download_interrupted", endpoint=request.endpoint)
        raise
