from __future__ import annotations

import pytest

from ivr.line.lint.runner import CheckReport
from ivr.releases.store import publish_release
from ivr.web.console.prompts.publishing import job_work, jobs
from tests.support.clinic import NOW
from tests.web.console.conftest import open_console, stop_clock
from tests.web.console.prompts.support import quick_check, run_here


@pytest.fixture
def published(console, content):
    """A console whose live words are the shipped ones."""
    publish_release(console.services.ledger, content, NOW, "release", "", "folder")
    return console


@pytest.fixture(scope="module")
def _published_once(tmp_path_factory, content):
    with open_console(tmp_path_factory.mktemp("published")) as console:
        publish_release(console.services.ledger, content, NOW, "release", "", "folder")
        yield console


@pytest.fixture
def published_once(_published_once, monkeypatch):
    """Like `published`, but the same for all tests of a module: for what changes nothing."""
    stop_clock(monkeypatch)
    return _published_once


@pytest.fixture
def quick_jobs(console, monkeypatch):
    """The console publishes in this process, and checks and learns nothing slow."""
    monkeypatch.setattr(jobs, "run_process", run_here(console))
    monkeypatch.setattr(job_work, "_check_in_parallel", quick_check)
    monkeypatch.setattr(job_work.Worker, "_learn", lambda _self, _content: None)
    monkeypatch.setattr("ivr.releases.rollback.check_content", lambda *_args, **_options: CheckReport(1, 1, ()))


@pytest.fixture
def ann(published):
    return published.browser("operator", "Ann Example")


@pytest.fixture
def bea(published):
    return published.browser("operator", "Bea Example")
