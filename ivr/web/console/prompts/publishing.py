"""Publishes beside the requests: the check takes seconds, and learning the new words up to a minute."""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import dataclass, field
from functools import partial

from flask import current_app

from ivr import clock, log, queues
from ivr.ledger import LedgerUnavailable
from ivr.line.content.findings import BrokenPrompts, Finding
from ivr.line.lint.runner import CheckReport
from ivr.people.audit import Actor, AuditKind, record
from ivr.releases.drafts import BrokenDraft, Draft, EditConflict, NoDraft
from ivr.releases.store import AlreadyLive, ConcurrentPublish, Release
from ivr.shipped import ROOT
from ivr.web.console.context import actor, services, staff_user
from ivr.web.console.prompts.drafted import drafts
from ivr.web.services import Services

_EXTENSION = "console_publishing"
_LEARN = "ivr.web.console.prompts.learn"
_LEARN_SECONDS = 600
_lock = threading.Lock()


@dataclass
class Publishing:
    """One attempt. problem: why nothing was published, as a sentence."""

    by: str
    is_done: bool = False
    release: Release | None = None
    problem: str = ""
    findings: tuple[Finding, ...] = field(default=())


def last() -> Publishing | None:
    """The last attempt of this process; None if there was none."""
    state: Publishing | None = current_app.extensions.get(_EXTENSION)
    return state


def begin(draft: Draft, note: str) -> None:
    """Start a thread that publishes, unless one is at it."""
    with _lock:
        running = last()
        if running is not None and not running.is_done:
            return
        state = current_app.extensions[_EXTENSION] = Publishing(staff_user().name)
    publish = partial(drafts().publish, staff_user().name, clock.now(), note, draft, _learn)
    threading.Thread(target=_run, args=(services(), state, publish, actor()), daemon=True, name="publishing").start()


def _run(shared: Services, state: Publishing, publish: partial[Release], who: Actor) -> None:
    try:
        release = publish()
        with shared.ledger.write() as connection:
            record(connection, who, AuditKind.RELEASE_PUBLISHED, clock.now(), release=release.number)
        queues.publish(shared.settings.redis_url, queues.PUBLISHED)
        state.release = release
    except BrokenDraft as broken:
        state.problem, state.findings = str(broken), broken.report.findings
    except BrokenPrompts as broken:
        state.problem, state.findings = str(broken), tuple(broken.findings)
    except (EditConflict, NoDraft, AlreadyLive, ConcurrentPublish, LedgerUnavailable) as refused:
        state.problem = str(refused)
    except Exception:
        log.get_logger().exception("console_publish_failed")
        state.problem = "Publishing failed unexpectedly, and the error was logged. The live words are as they were."
    finally:
        state.is_done = True


def _learn(_report: CheckReport) -> None:
    """Train the model of the draft in a process of its own, so that no caller waits for it."""
    command = [sys.executable, "-m", _LEARN]
    subprocess.run(command, check=True, cwd=ROOT, timeout=_LEARN_SECONDS, stdout=subprocess.DEVNULL)
