"""Lists in Twilio's format: newest first, filtered, in pages that the official libraries can follow."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlencode

from flask import Request

from simulator.rest.errors import RestError
from simulator.rest.fields import integer

Item = TypeVar("Item")


def paginate(
    items: list[Item],
    arguments: Mapping[str, str],
    path: str,
    key: str,
    resource: Callable[[Item], dict[str, Any]],
    sid: Callable[[Item], str],
) -> dict[str, Any]:
    """One page. PageToken is "PA" and the last sid of the previous page, so that new items do not shift the list."""
    size = integer(arguments, "PageSize", 50, 1, 1000)
    number = integer(arguments, "Page", 0, 0, 10_000_000)
    start = _start(items, arguments.get("PageToken", ""), sid, number * size)
    shown = items[start : start + size]
    filters = {name: value for name, value in arguments.items() if name not in ("Page", "PageToken", "PageSize")}

    def uri(page_number: int, token: str = "") -> str:
        query = {**filters, "PageSize": size, "Page": page_number, **({"PageToken": token} if token else {})}
        return f"{path}?{urlencode(query)}"

    more = start + size < len(items)
    previous = items[start - size - 1] if start > size else None
    return {
        "end": number * size + max(len(shown) - 1, 0),
        "first_page_uri": uri(0),
        "next_page_uri": uri(number + 1, "PA" + sid(shown[-1])) if more else None,
        "page": number,
        "page_size": size,
        "previous_page_uri": uri(number - 1, "PA" + sid(previous) if previous else "") if number else None,
        "start": number * size,
        "uri": f"{path}?{urlencode(arguments)}" if arguments else path,
        key: [resource(item) for item in shown],
    }


def paginate_with_meta(
    items: list[Item],
    request: Request,
    host: str,
    key: str,
    resource: Callable[[Item], dict[str, Any]],
    sid: Callable[[Item], str],
) -> dict[str, Any]:
    """One page in the format of Twilio's newer APIs, with absolute addresses at `host`."""
    page = paginate(items, request.args, request.path, key, resource, sid)
    links = {"url": "uri", "first_page_url": "first_page_uri"}
    links |= {"next_page_url": "next_page_uri", "previous_page_url": "previous_page_uri"}
    meta = {name: host + page[uri] if page[uri] else None for name, uri in links.items()}
    return {key: page[key], "meta": {**meta, "key": key, "page": page["page"], "page_size": page["page_size"]}}


def _start(items: list[Item], token: str, sid: Callable[[Item], str], default: int) -> int:
    if not token:
        return default
    for position, item in enumerate(items):
        if "PA" + sid(item) == token:
            return position + 1
    raise RestError(20001, "PageToken is not valid")


def period(arguments: Mapping[str, str], name: str) -> Callable[[datetime], bool]:
    """The filter `DateSent`, `DateSent<`, `DateSent>` (or StartTime). Dates are UTC days, times exact to the second.

    `<` and `>` are inclusive: in a URL they read `DateSent<=...`. A bare value is that whole day.
    """
    day = parse_moment(arguments.get(name))
    latest = parse_moment(arguments.get(name + "<"), end_of_day=True)
    earliest = parse_moment(arguments.get(name + ">"))

    def matches(moment: datetime) -> bool:
        moment = moment.replace(microsecond=0)
        return (
            (day is None or moment.date() == day.date())
            and (latest is None or moment <= latest)
            and (earliest is None or moment >= earliest)
        )

    return matches


def parse_moment(text: str | None, end_of_day: bool = False) -> datetime | None:
    """A date or time of a filter; None for none. Raises RestError 20001."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise RestError(20001, f"{text!r} is not a date (YYYY-MM-DD) or time (YYYY-MM-DDThh:mm:ssZ)") from None
    if end_of_day and len(text) == len("2026-01-01"):
        return moment.replace(hour=23, minute=59, second=59)
    return moment
