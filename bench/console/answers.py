"""How long every page, live part, and answered form takes, and how much a page transfers."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bench.console.browser import Answer, Browser
from bench.console.forms import DRAFT, Form, forms
from bench.console.pages import ASKED_MS, LIVE_HEADERS, Kind, Page, own_part

FIRST_LOAD_KB, LATER_LOAD_KB = 150, 30
_NAME, _COLUMNS = 64, ("first", "p50", "p95", "CPU", "kB", "kB then")


@dataclass
class Measuring:
    """Prints a row of each answer. cpu: the CPU seconds that the web process has used. misses: of what is asked."""

    browser: Browser
    cpu: Callable[[], float]
    rounds: int
    misses: int = 0

    def measure(self, pages: Iterable[Page]) -> None:
        """Pages with the parts that they reload, then the forms."""
        print(f"{'milliseconds; kilobytes of a page at first, and then':{_NAME}}", end="")
        print("".join(f"{column:>8}" for column in _COLUMNS))
        waiting = deque(pages)
        while waiting:
            page = waiting.popleft()
            first = self._page(page)
            if page.kind is Kind.PAGE:
                waiting.extendleft(own_part(page, first.text))
        token = self.browser.token(DRAFT)
        for form in forms():
            self._form(form, token)

    def _page(self, page: Page) -> Answer:
        headers = LIVE_HEADERS if page.kind is Kind.LIVE else {}
        rounds = self.rounds if page.kind in ASKED_MS else 2
        name = f"{page.kind:10}{page.path.removeprefix('/console') or '/'}"
        return self._row(name, lambda _n: self.browser.get(page.path, headers), ASKED_MS.get(page.kind), rounds, page)

    def _form(self, form: Form, token: str) -> None:
        def send(number: int) -> Answer:
            fields = [("csrf_token", token), *form.fields(number)]
            return self.browser.post(form.path, fields, {"HX-Request": "true"})

        self._row(f"{'form':10}{form.path.removeprefix('/console')}", send, form.asked_ms, self.rounds, None)

    def _row(
        self, name: str, send: Callable[[int], Answer], asked_ms: float | None, rounds: int, page: Page | None
    ) -> Answer:
        """send: asks for the n-th time. page: for its bytes."""
        first = send(0)
        # 204: a part that has nothing more to show. A redirect would be fast, whatever it leads to.
        if first.status not in (200, 204):
            print(f"{name}: {first.status}", file=sys.stderr)
            self.misses += 1
            return first
        before = self.cpu()
        times = sorted(send(number).seconds for number in range(1, rounds + 1))
        cpu = (self.cpu() - before) / rounds
        p50, p95 = (1000 * times[int(rounds * share)] for share in (0.5, 0.95))
        cells = "".join(f"{each:8.1f}" for each in (1000 * first.seconds, p50, p95, 1000 * cpu))
        missed = asked_ms is not None and p95 > asked_ms
        if page is not None and page.kind is Kind.PAGE:
            at_first, then = (each / 1000 for each in (self.browser.first_load(first), first.transferred))
            cells += f"{at_first:8.1f}{then:8.1f}"
            missed |= at_first > FIRST_LOAD_KB or then > LATER_LOAD_KB
        self.misses += missed
        print(f"{name:{_NAME}}{cells}{'  MISS' * missed}", flush=True)
        return first
