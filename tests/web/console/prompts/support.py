"""A console whose live words are the shipped ones, and how tests read and send its forms."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from sqlalchemy import Connection
from werkzeug.datastructures import MultiDict

from ivr.line.audio.convert import RATE, encode_wav
from ivr.line.content.findings import BrokenPrompts, Finding
from ivr.line.content.loader import Files, read_content
from ivr.line.lint.runner import CheckReport
from ivr.releases.drafts import Drafts
from ivr.releases.store import select_files
from ivr.web.console.prompts.publishing.job_work import Worker
from ivr.web.console.prompts.publishing.jobs import Jobs
from tests.web.console.conftest import Browser, Console

GOODBYE = "/prompts/en/goodbye"
OLD, NEW = "Take good care of yourself.", "Take very good care of yourself."
_INPUT = re.compile(r'<input[^>]*name="([\w-]+)"[^>]*value="([^"]*)"')
_STAMP = re.compile(r'name="(?:stamp|version)"')
_AREA = re.compile(r'<textarea[^>]*name="([\w-]+)"[^>]*>\n?(.*?)</textarea>', re.DOTALL)


def form_of(page: str, form: str = "") -> MultiDict[str, str]:
    """The fields of a page's form with this id or address, or of the first one with a stamp or version."""
    forms = re.findall(r"<form([^>]*)>(.*?)</form>", page, re.DOTALL)
    found = [body for head, body in forms if (f'"{form}"' in head if form else _STAMP.search(body))]
    fields: MultiDict[str, str] = MultiDict()
    for match in sorted([*_INPUT.finditer(found[0]), *_AREA.finditer(found[0])], key=lambda each: each.start()):
        if match[1] not in ("csrf_token", "confirmed"):
            fields.add(match[1], html.unescape(match[2]))
    return fields


def drafted(console: Console) -> dict[str, bytes]:
    """The files of the draft."""
    releases = console.services.releases
    assert releases.live

    def find(connection: Connection, digest: str) -> Files | None:
        line = releases.loaded(digest)
        return line.content.files if line else select_files(connection, digest)

    return Drafts(console.services.ledger, releases.live.content.config.zone, find_files=find).open().files


def words_form(browser: Browser, path: str = GOODBYE) -> MultiDict[str, str]:
    return form_of(browser.page(path), "words-form")


def replaced(form: MultiDict[str, str], old: str, new: str) -> MultiDict[str, str]:
    """The form with other words in each field."""
    assert any(old in value for _, value in form.items(multi=True)), old
    return MultiDict((name, value.replace(old, new)) for name, value in form.items(multi=True))


def edit(browser: Browser, old: str = OLD, new: str = NEW, path: str = GOODBYE) -> Any:
    return send(browser, path, replaced(words_form(browser, path), old, new))


def send(browser: Browser, path: str, form: MultiDict[str, str] | dict[str, str], **options: Any) -> Any:
    fields: MultiDict[str, Any] = MultiDict(form)
    fields["csrf_token"] = browser.token()
    return browser.client.post(path, data=fields, **options)


def voice(seconds: float = 2.0) -> bytes:
    """A WAV with a sound."""
    return encode_wav(0.4 * np.sin(np.arange(int(seconds * RATE)) / 5).astype(np.float32), RATE)


def quick_check(files: Files) -> CheckReport:
    """Only reads: the real check takes seconds."""
    try:
        read_content(files)
    except BrokenPrompts as broken:
        return CheckReport(0, 0, tuple(broken.findings))
    return CheckReport(1, 1, ())


def finding(rule: str, level: str, file: str = "en/goodbye.md") -> Callable[[Files], CheckReport]:
    """A check that finds one thing."""
    return lambda _files: CheckReport(1, 1, (Finding(file, 6, rule, level, "Say it with shorter words."),))


def run_here(console: Console) -> Any:
    """Does jobs in this process."""

    def run(name: str, _lock: int) -> None:
        jobs = Jobs(console.services.settings.var_dir)
        job = jobs.get(name)
        assert job is not None
        Worker(console.services.settings, console.services.ledger).work(job)
        jobs.save(name, job)

    return run


def wait_for(browser: Browser, path: str = "/prompts/draft/publishing") -> str:
    """The page once nothing on it is under way."""
    for _ in range(1200):
        page = browser.page(path)
        if 'hx-trigger="every 2s"' not in page:
            return page
        time.sleep(0.05)
    raise AssertionError("still running")


def publish(browser: Browser, **more: str) -> str:
    stamp = form_of(browser.page("/prompts/draft"))["stamp"]
    assert browser.post("/prompts/draft/publish", {"stamp": stamp, "note": "kinder", **more}).status_code == 303
    return wait_for(browser)
