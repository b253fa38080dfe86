"""Errors and warnings about prompts/: the location, the rule, and a sentence that says what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal

Level = Literal["error", "warning"]


@dataclass(frozen=True, order=True)
class Finding:
    """line: counts from 1; 0 is the whole file."""

    file: str
    line: int
    rule: str
    level: Level
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.level}: {self.message} [{self.rule}]"

    def as_json(self) -> dict[str, object]:
        return asdict(self)


class BrokenPrompts(Exception):
    """prompts/ cannot be read or compiled; see `findings`."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = sorted(findings)
        super().__init__("\n".join(str(finding) for finding in self.findings))
