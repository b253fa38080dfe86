"""Errors and warnings about prompts/: the location, the rule, and a sentence that says what to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ivr.i18n import Sentence, filled

Level = Literal["error", "warning"]


@dataclass(frozen=True, order=True)
class Finding:
    """line: counts from 1; 0 is the whole file. sentences: those of the message, to translate them."""

    file: str
    line: int
    rule: str
    level: Level
    message: str
    sentences: Sequence[Sentence] = field(default=(), compare=False, repr=False)

    @classmethod
    def of(cls, file: str, line: int, rule: str, level: Level, *sentences: Sentence) -> Finding:
        """A finding that says these sentences."""
        return cls(file, line, rule, level, " ".join(map(filled, sentences)), sentences)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.level}: {self.message} [{self.rule}]"

    def as_json(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in ("file", "line", "rule", "level", "message")}


class BrokenPrompts(Exception):
    """prompts/ cannot be read or compiled; see `findings`."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = sorted(findings)
        super().__init__("\n".join(str(finding) for finding in self.findings))
