"""`infoline prompts check`: read the folder, then apply every lint rule to its text and its call graph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from multiprocessing import get_all_start_methods, get_context
from signal import SIG_IGN, SIGINT, signal

from ivr.line.content.findings import BrokenPrompts, Finding
from ivr.line.content.loader import Content, Files, read_content
from ivr.line.content.prompt import Prompt
from ivr.line.content.revisions.sign_off import check_sign_off
from ivr.line.content.revisions.translations import check_translation
from ivr.line.lint.accent_rules import check_accents
from ivr.line.lint.folder_rules import FOLDER_RULES, unconfirmed_holidays
from ivr.line.lint.graph_rules import GRAPH_RULES, ExploredGraph
from ivr.line.lint.menu_rules import MENU_RULES
from ivr.line.lint.phrase_rules import check_phrases
from ivr.line.lint.recording_rules import RECORDING_RULES
from ivr.line.lint.rule_lines import check_rule_lines
from ivr.line.lint.word_rules import WORD_RULES
from ivr.line.nlu.phrase_index import PRIORITY, PhraseIndex

# Style errors leave no caller without help. A release that went live under older, laxer rules may go live again
# despite them.
STYLE = frozenset(
    (
        "accent",
        "depth",
        "first-words",
        "grade",
        "hl7-yaml",
        "language-key",
        "phrase",
        "reminder-limit",
        "rule-line",
        "seconds",
        "segments",
        "sentences",
        "site-name",
    )
)


@dataclass(frozen=True)
class CheckReport:
    """The size of the call graph, and the findings, errors first."""

    states: int
    transitions: int
    findings: tuple[Finding, ...]

    @property
    def has_errors(self) -> bool:
        return any(finding.level == "error" for finding in self.findings)

    @property
    def blocking_errors(self) -> tuple[Finding, ...]:
        """The errors that are more than style: they could leave a caller without help."""
        return tuple(finding for finding in self.findings if finding.level == "error" and not _is_style(finding))

    def about(self, *rules: str) -> tuple[Finding, ...]:
        """The findings with any of these rule ids."""
        return tuple(finding for finding in self.findings if finding.rule in rules)


def _is_style(finding: Finding) -> bool:
    # The phrases of red flags and opt-outs must be understood, so their errors are never style.
    name = finding.file.rpartition("/")[2].removesuffix(".md")
    return finding.rule in STYLE and not (finding.rule == "phrase" and name in PRIORITY)


def check_files(files: Files, *, parallel: bool = False, now: datetime | None = None) -> CheckReport:
    """Check the files of a prompts folder. Never raises: files that cannot be read are findings too.

    parallel: check the text in a second process while this one checks the graph. Not for a process with threads. now:
    the current time, aware, to report what a person must confirm every year; None reports none of it.
    """
    try:
        content = read_content(files)
    except BrokenPrompts as broken:
        return CheckReport(0, 0, tuple(broken.findings))
    return check_content(content, parallel=parallel, now=now)


def check_content(content: Content, *, parallel: bool = False, now: datetime | None = None) -> CheckReport:
    """Check content that has already been read. parallel, now: as in `check_files`."""
    worker = _TextWorker(content) if parallel and "fork" in get_all_start_methods() else None
    explored = ExploredGraph(content)
    findings = {finding for rule in GRAPH_RULES for finding in rule(explored)}
    findings.update(finding for menu_rule in MENU_RULES for finding in menu_rule(explored.speech))
    if now is not None:
        findings.update(unconfirmed_holidays(content, now.astimezone(content.config.zone).date()))
    findings |= worker.findings() if worker else _check_text(content)
    return CheckReport(len(explored.states), explored.transitions, errors_first(findings))


def errors_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The distinct findings: errors before warnings, then by file and line."""
    return tuple(sorted(set(findings), key=lambda finding: (finding.level, finding)))


def _check_text(content: Content) -> set[Finding]:
    index = PhraseIndex(content)
    findings = {finding for rule in (*FOLDER_RULES, *RECORDING_RULES) for finding in rule(content)}
    return findings.union(*(check_prompt(content, index, prompt) for prompt in content.prompts.values()))


def check_prompt(content: Content, index: PhraseIndex, prompt: Prompt) -> Iterator[Finding]:
    """The findings of every rule that concerns a single prompt."""
    for rule in (*WORD_RULES, check_accents, check_rule_lines, check_translation, check_sign_off):
        yield from rule(content, prompt)
    yield from check_phrases(index, prompt)


class _TextWorker:
    """Checks the text in a forked process."""

    def __init__(self, content: Content) -> None:
        context = get_context("fork")
        self._content = content
        self._receiver, self._sender = context.Pipe(duplex=False)
        self._process = context.Process(target=self._run, daemon=True)
        self._process.start()
        self._sender.close()

    def _run(self) -> None:
        # Ctrl-C reaches both processes. This one exits with its parent and prints no traceback.
        signal(SIGINT, SIG_IGN)
        self._sender.send(_check_text(self._content))

    def findings(self) -> set[Finding]:
        try:
            findings: set[Finding] = self._receiver.recv()
        except EOFError:
            # The process was killed, for example because memory ran out: check the text here.
            findings = _check_text(self._content)
        self._process.join()
        return findings
