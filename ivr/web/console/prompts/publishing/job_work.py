"""What a job does: check the draft, publish it, or go back to an earlier release. The same code as the commands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection

from ivr import clock, log, queues
from ivr.i18n import N_, Explained, sentence
from ivr.ledger import Ledger, LedgerUnavailable
from ivr.line.content.findings import BrokenPrompts, Finding
from ivr.line.content.loader import Content, Files, read_content
from ivr.line.lint.runner import CheckReport, check_files
from ivr.people.audit import Actor, AuditKind, record
from ivr.releases.confirmations import CONFIRMED_RULES, changed_meanings
from ivr.releases.drafts import BrokenDraft, Drafts, EditConflict, NoDraft
from ivr.releases.history import find_release
from ivr.releases.live import live_content
from ivr.releases.models import ModelStore
from ivr.releases.rollback import DamagedRelease, UnsafeRelease, content_to_restore
from ivr.releases.store import AlreadyLive, ConcurrentPublish, Publication, Release, insert_release
from ivr.settings import Settings
from ivr.web.console.prompts.drafted import stamp_of
from ivr.web.console.prompts.publishing.jobs import Job, Kind, Outcome

_CHANGED = sentence(N_("Somebody changed the draft after you opened it. Review it again first."))
_REFUSALS = (EditConflict, NoDraft, AlreadyLive, ConcurrentPublish, DamagedRelease, LedgerUnavailable)


class _ToConfirm(Exception):
    """A person must first read what `findings` and `warnings` of the job say."""


@dataclass(frozen=True)
class Worker:
    """Does jobs."""

    settings: Settings
    ledger: Ledger

    def work(self, job: Job) -> None:
        """Do a job, and write into it what came of it. Never raises."""
        try:
            {Kind.CHECK: self._check, Kind.PUBLISH: self._publish, Kind.ROLL_BACK: self._roll_back}[job.kind](job)
        except BrokenDraft as broken:
            job.outcome, job.findings = Outcome.BROKEN, list(broken.report.findings)
        except BrokenPrompts as broken:
            job.outcome, job.findings = Outcome.UNREADABLE, broken.findings
        except UnsafeRelease as unsafe:
            job.outcome, job.findings = Outcome.UNSAFE, list(unsafe.report.findings)
        except _ToConfirm:
            job.outcome = Outcome.UNCONFIRMED
        except _REFUSALS as refused:
            job.outcome, job.detail = Outcome.REFUSED, str(refused)
            job.reason = refused.sentence if isinstance(refused, Explained) else None
        except Exception:
            log.get_logger().exception("console_publish_failed", job=job.kind.value)
            job.outcome = Outcome.FAILED

    def _check(self, job: Job) -> None:
        draft = self._drafts().open()
        if stamp_of(draft) != job.stamp:
            raise EditConflict(_CHANGED)
        files = draft.files
        report = _check_in_parallel(files)
        job.findings = list(report.findings)
        if not report.has_errors:
            job.warnings = self._changed_meanings(read_content(files))
        job.outcome = Outcome.CHECKED

    def _publish(self, job: Job) -> None:
        draft = self._drafts().open()
        if stamp_of(draft) != job.stamp:
            raise EditConflict(_CHANGED)

        def approve(report: CheckReport) -> None:
            content = read_content(draft.files)
            job.findings = list(report.about(*CONFIRMED_RULES))
            job.warnings = self._changed_meanings(content)
            if (job.findings or job.warnings) and not job.confirmed:
                raise _ToConfirm
            self._learn(content)

        recorder = self._recorder(job, AuditKind.RELEASE_PUBLISHED)
        release = self._drafts().publish(job.name, clock.now(), job.note, draft, approve, recorder)
        self._announce(job, release)

    def _roll_back(self, job: Job) -> None:
        target = find_release(self.ledger, job.number)
        if target is None:
            raise NoDraft(sentence(N_("There is no release {number}."), number=job.number))
        content, _ = content_to_restore(self.ledger, target, self.settings.prompts_dir)
        job.warnings = self._changed_meanings(content)
        self._learn(content)
        publication = Publication(content, clock.now(), job.name, job.note, "rollback")
        _ = publication.blob
        with self.ledger.write() as connection:
            self.ledger.exclusive_lock(connection)
            release = insert_release(connection, publication, job.seen)
            self._recorder(job, AuditKind.RELEASE_ROLLED_BACK)(connection, release)
        self._announce(job, release)

    def _drafts(self) -> Drafts:
        zone = live_content(self.ledger, self.settings.var_dir, self.settings.prompts_dir).config.zone
        return Drafts(self.ledger, zone, _check_in_parallel)

    def _changed_meanings(self, content: Content) -> list[Finding]:
        return changed_meanings(self.ledger, self.settings.prompts_dir, content)

    def _learn(self, content: Content) -> None:
        """Train the model of content that is about to go live, so that no web process has to."""
        ModelStore(self.ledger, self.settings.models_folder).model_of(content)

    def _announce(self, job: Job, release: Release) -> None:
        queues.publish(self.settings.redis_url, queues.PUBLISHED)
        job.outcome, job.release = Outcome.LIVE, release.number

    @staticmethod
    def _recorder(job: Job, kind: AuditKind) -> Callable[[Connection, Release], None]:
        who = Actor(f"console user {job.by}")
        return lambda connection, release: record(connection, who, kind, clock.now(), release=release.number)


def _check_in_parallel(files: Files) -> CheckReport:
    return check_files(files, parallel=True, now=clock.now())
