"""Lint rules for keyword rules: only safety has them, and a nurse can read each one."""

from __future__ import annotations

from collections.abc import Iterator

from ivr.line.content.findings import Finding
from ivr.line.content.front_matter import split_front_matter
from ivr.line.content.keyword_rules import WITH_RULES
from ivr.line.content.loader import Content
from ivr.line.content.prompt import Prompt
from ivr.line.content.yaml_source import decode_text

LONGEST_LINE = 120
MOST_RULES = 200
# A word as common as this is in every second message, and a rule of such words alone matches them all.
_COMMON = """
a an and are at be can do for have i in is it me my not of on or so that the this to what with you
al con de del el en es la las le lo los mi no o para por que se si su un una y
"""
_COMMON_WORDS = frozenset(_COMMON.split())


def check_keyword_rules(content: Content, prompt: Prompt) -> Iterator[Finding]:
    """Rules in a file that may have none, too many, too long, or so wide that they match everything."""
    if not prompt.keyword_rules:
        return
    line = prompt.field_lines.get("keyword_rules", 1)
    if prompt.name not in WITH_RULES:
        message = f"Only {', '.join(WITH_RULES)} may have keyword rules: write these words as phrases instead."
        yield Finding(prompt.file, line, "rule", "error", message)
        return
    if len(prompt.keyword_rules) > MOST_RULES:
        message = f"There are {len(prompt.keyword_rules)} keyword rules: remove some, to get down to {MOST_RULES}."
        yield Finding(prompt.file, line, "rule", "error", message)
    for rule in prompt.keyword_rules:
        for group in rule.groups:
            wide = [" ".join(atom) for atom in group if _is_wide(atom)]
            if wide and len(rule.groups) == 1 and not rule.alone:
                message = f"A keyword rule of `{wide[0]}` alone matches almost every message: add a second word with +."
                yield Finding(prompt.file, line, "rule", "error", message)
    yield from _long_lines(content, prompt)


def _is_wide(atom: tuple[str, ...]) -> bool:
    return all(word in _COMMON_WORDS or (len(word.rstrip("*")) < 2 and not word.isdigit()) for word in atom)


def _long_lines(content: Content, prompt: Prompt) -> Iterator[Finding]:
    top, _, _ = split_front_matter(prompt.file, decode_text(prompt.file, content.files[prompt.file]))
    for number, text in enumerate(top.split("\n"), start=2):
        if len(text) > LONGEST_LINE and number > prompt.field_lines.get("keyword_rules", 0):
            message = f"This line has {len(text)} characters: break it after a comma, to get down to {LONGEST_LINE}."
            yield Finding(prompt.file, number, "rule", "error", message)
