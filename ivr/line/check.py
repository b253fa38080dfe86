"""What `infoline prompts check` does: read the folder, then prove the words and the call graph, rule by rule."""

from __future__ import annotations

from dataclasses import dataclass

from ivr.line.check_graph import GRAPH_RULES, Proof
from ivr.line.check_words import WORD_RULES
from ivr.line.content import Files, read_content
from ivr.line.findings import BrokenPrompts, Finding


@dataclass(frozen=True)
class Report:
    """What a check found: the size of the graph, and the findings, worst first."""

    states: int
    arrows: int
    findings: tuple[Finding, ...]

    @property
    def broken(self) -> bool:
        return any(finding.level == "error" for finding in self.findings)


def check(files: Files) -> Report:
    """Check a prompts folder's files. Never raises: what cannot be read at all is a finding too."""
    try:
        content = read_content(files)
    except BrokenPrompts as broken:
        return Report(0, 0, tuple(broken.findings))
    proof = Proof(content)
    findings = {finding for rule in WORD_RULES for finding in rule(content)}
    findings |= {finding for rule in GRAPH_RULES for finding in rule(proof)}
    worst_first = sorted(findings, key=lambda finding: (finding.level, finding))
    return Report(len(proof.line.states), proof.arrows, tuple(worst_first))
