"""The prompts: their proof, the live release, and what a person has yet to confirm."""

from __future__ import annotations

from ivr.carrier.twilio.account import UNREACHABLE
from ivr.doctor.carrier import own_numbers
from ivr.doctor.result import Line, Result, ok, problem, warning
from ivr.ledger import LedgerUnavailable
from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.loader import content_digest, read_folder
from ivr.line.content.revisions.sign_off import unsigned_prompts
from ivr.line.lint.runner import check_files
from ivr.releases.confirmations import CONFIRMED_RULES
from ivr.releases.live import NoRelease
from ivr.releases.store import live_release

_NO_RELEASE = "Unknown, because no release is live."


def check_prompts(line: Line) -> Result:
    """Whether the content folder passes the whole check."""
    try:
        files = read_folder(line.settings.prompts_dir)
    except BrokenPrompts as broken:
        return problem(str(broken.findings[0]))
    try:
        is_live = content_digest(files) == line.live().digest
    except NoRelease:
        is_live = False
    report = line.live_report() if is_live else check_files(files)
    if report.states == 0 and report.findings:
        return problem(str(report.findings[0]))
    if report.has_errors:
        return problem("The content folder has errors: see `infoline prompts check`.")
    return ok(f"Every one of {report.states:,} states was explored, without an error.")


def check_release(line: Line) -> Result:
    """Whether a release can go live at the start of a web process."""
    try:
        digest = line.live().digest
    except NoRelease as error:
        return problem(str(error))
    try:
        published = live_release(line.ledger)
    except LedgerUnavailable:
        return warning(f"Calls are served from a copy of release {digest}, because the database does not answer.")
    if published is None:
        return warning(f"Nothing is published: calls are served from the folder ({digest}). Run `infoline release`.")
    if published.digest != digest:
        return problem("The newest release cannot be read, so another is served: publish again from this version.")
    return ok(f"Release {digest} is live.")


def check_hours(line: Line) -> Result:
    """Whether the hospital has confirmed the opening hours and closed days of the live release."""
    try:
        found = line.live_report().about("unconfirmed")
    except NoRelease:
        return problem(_NO_RELEASE)
    if found:
        return warning(f"{len(found)} opening hours or closed days are not confirmed: see `infoline prompts check`.")
    return ok("The hospital has confirmed all opening hours and closed days.")


def check_sign_offs(line: Line) -> Result:
    """Whether clinicians have signed off the medical words of the live release, and translations are up to date."""
    try:
        found = line.live_report().about(*CONFIRMED_RULES)
        unsigned = len(unsigned_prompts(line.live()))
    except NoRelease:
        return problem(_NO_RELEASE)
    if found:
        return warning(f"{len(found)} prompts lack a sign-off or an up-to-date translation: see the console's Prompts.")
    if unsigned:
        return ok(
            f"All translations are up to date. {unsigned} medical texts have no sign-off; line.yaml requires none."
        )
    return ok("All medical words are signed off, and all translations are up to date.")


def check_directory(line: Line) -> Result:
    """A directory entry with a number of the line itself is skipped by calls, or rings the line again."""
    try:
        directory = line.live().config.directory
    except NoRelease:
        return problem(_NO_RELEASE)
    own = _own_numbers(line)
    found = [entry.id for entry in directory if entry.e164 in (own or {line.settings.twilio_from})]
    if found:
        return problem(
            f"{found[0]} in line.yaml has a number of the line itself: correct it, because a transfer there reaches"
            " nobody."
        )
    if own is None:
        return warning("Unknown, because Twilio does not say which numbers the line has: see `carrier` and `webhooks`.")
    return ok("No entry has a number of the line itself.")


def _own_numbers(line: Line) -> set[str] | None:
    """TWILIO_FROM, and the numbers of the messaging service; None if Twilio does not say."""
    settings = line.settings
    if not settings.twilio_messaging_service_sid or line.is_simulated:
        return {settings.twilio_from}
    try:
        numbers, service = own_numbers(line.account, settings)
    except UNREACHABLE:
        return None
    return {settings.twilio_from, *(number.number for number in numbers)} if service else None
