"""What `infoline prompts check` does: read the folder, then prove the words and the call graph, rule by rule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import get_all_start_methods, get_context
from signal import SIG_IGN, SIGINT, signal

from ivr.line.content.findings import BrokenPrompts, Finding
from ivr.line.content.keyword_rules import RED_FLAGS, STOP
from ivr.line.content.loader import Content, Files, read_content
from ivr.line.content.prompt import Prompt
from ivr.line.content.sign_off import check_sign_off
from ivr.line.content.translations import check_translation
from ivr.line.lint.folder_rules import FOLDER_RULES
from ivr.line.lint.graph_rules import GRAPH_RULES, ExploredGraph
from ivr.line.lint.menu_rules import MENU_RULES
from ivr.line.lint.phrase_rules import PHRASE_RULES
from ivr.line.lint.recording_rules import RECORDING_RULES
from ivr.line.lint.word_rules import WORD_RULES
from ivr.line.nlu.phrase_index import PhraseIndex

# Errors that make words worse to hear, and leave nobody without help. Words that were live once may be live again with
# them, when the rules became stricter meanwhile.
STYLE = frozenset({"grade", "sentences", "seconds", "first-words", "depth", "segments", "phrase"})
# Words that call for help at once must be understood.
_NEVER_STYLE = (*RED_FLAGS, STOP)


@dataclass(frozen=True)
class CheckReport:
    """What a check found: the size of the graph, and the findings, worst first."""

    states: int
    arrows: int
    findings: tuple[Finding, ...]

    @property
    def broken(self) -> bool:
        return any(finding.level == "error" for finding in self.findings)

    @property
    def helpless(self) -> tuple[Finding, ...]:
        """The errors that are more than style: a caller could be left without help."""
        return tuple(one for one in self.findings if one.level == "error" and not _is_style(one))

    def about(self, *rules: str) -> tuple[Finding, ...]:
        """The findings of some rules."""
        return tuple(one for one in self.findings if one.rule in rules)


def _is_style(finding: Finding) -> bool:
    name = finding.file.rpartition("/")[2].removesuffix(".md")
    return finding.rule in STYLE and not (finding.rule == "phrase" and name in _NEVER_STYLE)


def check_files(files: Files, *, in_two: bool = False) -> CheckReport:
    """Check a prompts folder's files. Never raises: what cannot be read at all is a finding too.

    in_two: prove the words in a process of its own, beside the graph. Not for a process that has threads.
    """
    try:
        content = read_content(files)
    except BrokenPrompts as broken:
        return CheckReport(0, 0, tuple(broken.findings))
    return check_content(content, in_two=in_two)


def check_content(content: Content, *, in_two: bool = False) -> CheckReport:
    """Check what was read, as `check` does."""
    beside = _Beside(content) if in_two and "fork" in get_all_start_methods() else None
    proof = ExploredGraph(content)
    findings = {finding for rule in GRAPH_RULES for finding in rule(proof)}
    findings.update(finding for menu_rule in MENU_RULES for finding in menu_rule(proof.line.speech))
    findings |= beside.found() if beside else _of_words(content)
    worst_first = sorted(findings, key=lambda finding: (finding.level, finding))
    return CheckReport(len(proof.line.states), proof.arrows, tuple(worst_first))


def _of_words(content: Content) -> set[Finding]:
    meanings = PhraseIndex(content)
    found = {finding for rule in (*FOLDER_RULES, *RECORDING_RULES) for finding in rule(content)}
    return found.union(*(check_prompt(content, meanings, prompt) for prompt in content.prompts.values()))


def check_prompt(content: Content, meanings: PhraseIndex, prompt: Prompt) -> Iterator[Finding]:
    """What is found in one prompt's words, by the rules that need no other text."""
    for rule in (*WORD_RULES, check_translation, check_sign_off):
        yield from rule(content, prompt)
    for phrase_rule in PHRASE_RULES:
        yield from phrase_rule(meanings, prompt)


class _Beside:
    """What is found in the words, by a process that starts as a copy of this one."""

    def __init__(self, content: Content) -> None:
        context = get_context("fork")
        self._content = content
        self._told, self._telling = context.Pipe(duplex=False)
        self._process = context.Process(target=self._tell, daemon=True)
        self._process.start()
        self._telling.close()

    def _tell(self) -> None:
        # Ctrl-C reaches both: the one that was started here ends with the other, and says nothing of its own.
        signal(SIGINT, SIG_IGN)
        self._telling.send(_of_words(self._content))

    def found(self) -> set[Finding]:
        try:
            found: set[Finding] = self._told.recv()
        except EOFError:
            # It was killed, or had no memory: then it is done here.
            found = _of_words(self._content)
        self._process.join()
        return found
