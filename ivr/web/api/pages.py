"""Pages of a list: a cursor names the last item of a page, and the next page begins after it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ivr.web.api.context import MAX_ID
from ivr.web.api.models import PageQuery
from ivr.web.api.problems import ProblemError

T = TypeVar("T")
_PREFIX = b"after "


def after(query: PageQuery) -> int | None:
    """The id of the last item of the page before; None for the first page."""
    if not query.cursor:
        return None
    try:
        text = base64.urlsafe_b64decode(query.cursor.encode("ascii"))
        number = int(text.removeprefix(_PREFIX)) if text.startswith(_PREFIX) else 0
    except (ValueError, binascii.Error):
        number = 0
    if not 0 < number <= MAX_ID:
        raise ProblemError("cursor")
    return number


def page(items: Sequence[T], limit: int, id_of: Callable[[T], Any]) -> tuple[Sequence[T], str | None]:
    """The items of a page and the cursor of the next one. items: at least one more than `limit`, if there are more."""
    if len(items) <= limit:
        return items, None
    shown = items[:limit]
    return shown, base64.urlsafe_b64encode(_PREFIX + str(id_of(shown[-1])).encode()).decode()
