"""The parts of a page that are asked for by POST: while somebody types, or at the press of a button."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bench.console.browser import Browser
from bench.console.content import EDITED
from ivr.shipped import ROOT
from ivr.web.console.prompts.editing.sections import PromptFields, fields_of

Fields = list[tuple[str, str]]
EDITOR = f"/console/prompts/{EDITED.removesuffix('.md')}"
DRAFT, CHECK, PUBLISHING = ("/console/prompts/draft" + end for end in ("", "/check", "/publishing"))
DOCTOR = "/console/settings/doctor"
# Buttons without a field.
PRESSED = (CHECK, "/console/people/8/number", "/console/work/callbacks/1/number", "/console/work/messages/1/text")
TYPED_MS, PRESSED_MS = 50.0, 100.0
_STAMP = re.compile(r'name="stamp" value="([^"]+)"')
_GOES_ON = re.compile(r'hx-trigger="every')
_LONGEST_SECONDS = 300.0


@dataclass(frozen=True)
class Form:
    """fields: of the n-th request, whose words no cache has seen. asked_ms: None where a voice speaks."""

    path: str
    fields: Callable[[int], Fields]
    asked_ms: float | None


def forms() -> Iterator[Form]:
    """Every form that answers with a part of its page. The check of the draft has been made."""
    yield Form(f"{EDITOR}/proof", _words, TYPED_MS)
    yield Form(f"{EDITOR}/preview", _words, None)
    yield Form(f"{EDITOR}/try", lambda n: [*_words(n), *_question(n)], PRESSED_MS)
    yield Form("/console/prompts", _question, PRESSED_MS)
    for path in (
        CHECK,
        "/console/people/8/number",
        "/console/work/callbacks/1/number",
        "/console/work/messages/1/text",
    ):
        yield Form(path, lambda _n: [], PRESSED_MS)


def _words(number: int) -> Fields:
    fields = fields_of((ROOT / "prompts" / EDITED).read_bytes())
    assert isinstance(fields, PromptFields)
    return [
        ("title", fields.title),
        ("sources", ", ".join(fields.sources)),
        ("phrases", "\n".join(fields.phrases)),
        *(
            (name, value)
            for place, part in enumerate(fields.parts)
            for name, value in (
                ("heading", part.heading),
                ("words", f"{part.words} Word {number}."),
                ("place", str(place)),
            )
        ),
    ]


def _question(number: int) -> Fields:
    return [("question", f"what are these white dots, number {number}")]


def prepare(browser: Browser) -> None:
    """Let the draft be checked, be refused to go live, and let the line be checked, so that the pages show results."""
    token = browser.token(DRAFT)
    _post(browser, CHECK, token, [])
    _wait(browser, CHECK)
    stamp = _STAMP.search(browser.get(DRAFT).text)
    if stamp is None:
        raise RuntimeError("the draft cannot be published: it has no changes")
    _post(browser, f"{DRAFT}/publish", token, [("stamp", stamp[1]), ("note", "A change")])
    _wait(browser, PUBLISHING)
    _post(browser, DOCTOR, token, [])
    _wait(browser, DOCTOR)


def _post(browser: Browser, path: str, token: str, fields: Fields) -> None:
    answer = browser.post(path, [("csrf_token", token), *fields])
    if answer.status != 303:
        raise RuntimeError(f"{path} was answered with {answer.status}")


def _wait(browser: Browser, path: str) -> None:
    """Until a page no longer reloads a part of itself."""
    end = time.monotonic() + _LONGEST_SECONDS
    while _GOES_ON.search(browser.get(path).text):
        if time.monotonic() > end:
            raise RuntimeError(f"{path} goes on for more than {_LONGEST_SECONDS:.0f} seconds")
        time.sleep(0.5)
