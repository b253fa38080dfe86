"""The cookies that the line sets: https://help.twilio.com/articles/223136287

Twilio keeps them for each pair of From and To, for at most 4 hours, and sends them with later requests about the pair.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from email.message import Message
from http.cookiejar import CookieJar
from urllib.request import Request

LIFETIME_SECONDS = 4 * 3600


class _Headers:
    """What `http.cookiejar` reads of a response: `info()`."""

    def __init__(self, set_cookie: list[str]) -> None:
        self._headers = Message()
        for value in set_cookie:
            self._headers["Set-Cookie"] = value

    def info(self) -> Message:
        return self._headers


class Cookies:
    """The cookies of all pairs of numbers. Thread-safe."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._jars: dict[tuple[str, str], CookieJar] = {}

    def of(self, params: Mapping[str, str]) -> PairCookies:
        """The cookies of the From and To of a webhook."""
        return PairCookies(self, (params.get("From", ""), params.get("To", "")))

    def header(self, pair: tuple[str, str], url: str) -> str:
        """The value of the Cookie header of a request; "" for none."""
        request = Request(url)  # noqa: S310 - nothing is opened
        with self._lock:
            jar = self._jars.get(pair)
            if jar is None:
                return ""
            now = int(self._now().timestamp())
            for cookie in [cookie for cookie in jar if cookie.is_expired(now)]:
                jar.clear(cookie.domain, cookie.path, cookie.name)
            jar.add_cookie_header(request)
        return request.get_header("Cookie", "") or ""

    def store(self, pair: tuple[str, str], url: str, set_cookie: list[str]) -> None:
        """Keep what a response to a request for `url` sets."""
        if not set_cookie:
            return
        request = Request(url)  # noqa: S310
        limit = int(self._now().timestamp()) + LIFETIME_SECONDS
        with self._lock:
            jar = self._jars.setdefault(pair, CookieJar())
            for cookie in jar.make_cookies(_Headers(set_cookie), request):  # type: ignore[arg-type]
                cookie.expires = min(cookie.expires or limit, limit)
                jar.set_cookie(cookie)


class PairCookies:
    """The cookies of one pair, as a request needs them."""

    def __init__(self, cookies: Cookies, pair: tuple[str, str]) -> None:
        self._cookies, self._pair = cookies, pair

    def header(self, url: str) -> str:
        return self._cookies.header(self._pair, url)

    def store(self, url: str, set_cookie: list[str]) -> None:
        self._cookies.store(self._pair, url, set_cookie)
