"""Lists as Twilio's REST door gives them: newest first, filtered, in pages that the official libraries
can follow.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlencode

from simulator.errors import Refused
from simulator.fields import whole

Thing = TypeVar("Thing")


def page(
    things: list[Thing],
    arguments: Mapping[str, str],
    path: str,
    key: str,
    resource: Callable[[Thing], dict[str, Any]],
    sid: Callable[[Thing], str],
) -> dict[str, Any]:
    """One page of a list. PageToken is "PA" and the last sid of the page before, so new arrivals move
    nothing.
    """
    size = whole(arguments, "PageSize", 50, 1, 1000)
    number = whole(arguments, "Page", 0, 0, 10_000_000)
    start = _start(things, arguments.get("PageToken", ""), sid, number * size)
    shown = things[start : start + size]
    filters = {name: value for name, value in arguments.items() if name not in ("Page", "PageToken", "PageSize")}

    def uri(at: int, token: str = "") -> str:
        query = {**filters, "PageSize": size, "Page": at, **({"PageToken": token} if token else {})}
        return f"{path}?{urlencode(query)}"

    more = start + size < len(things)
    before = things[start - size - 1] if start > size else None
    return {
        "end": number * size + max(len(shown) - 1, 0),
        "first_page_uri": uri(0),
        "next_page_uri": uri(number + 1, "PA" + sid(shown[-1])) if more else None,
        "page": number,
        "page_size": size,
        "previous_page_uri": uri(number - 1, "PA" + sid(before) if before else "") if number else None,
        "start": number * size,
        "uri": f"{path}?{urlencode(arguments)}" if arguments else path,
        key: [resource(thing) for thing in shown],
    }


def _start(things: list[Thing], token: str, sid: Callable[[Thing], str], otherwise: int) -> int:
    if not token:
        return otherwise
    for position, thing in enumerate(things):
        if "PA" + sid(thing) == token:
            return position + 1
    raise Refused(20001, "PageToken is not valid")


def period(arguments: Mapping[str, str], name: str) -> Callable[[datetime], bool]:
    """The filter of `DateSent`, `DateSent<`, `DateSent>` (or StartTime): dates are UTC days, times are
    exact to the second.

    `<` and `>` include the moment itself: on the wire they read `DateSent<=...`. A bare value is that whole
    day.
    """
    day = _moment(arguments.get(name))
    latest = _moment(arguments.get(name + "<"), end_of_day=True)
    earliest = _moment(arguments.get(name + ">"))

    def fits(moment: datetime) -> bool:
        moment = moment.replace(microsecond=0)
        return (
            (day is None or moment.date() == day.date())
            and (latest is None or moment <= latest)
            and (earliest is None or moment >= earliest)
        )

    return fits


def _moment(text: str | None, end_of_day: bool = False) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(20001, f"{text!r} is not a date (YYYY-MM-DD) or time (YYYY-MM-DDThh:mm:ssZ)") from None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    if end_of_day and len(text) == len("2026-01-01"):
        return moment.replace(hour=23, minute=59, second=59)
    return moment
