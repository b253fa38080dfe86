"""Lint rules for keyword rules: only safety has them, and a nurse can read each line."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from ivr.i18n import N_, Sentence, sentence
from ivr.line.content.findings import Finding
from ivr.line.content.keyword_rules import (
    RED_FLAGS,
    WITH_RULES,
    WITH_WANTED,
    Atom,
    KeywordRule,
    parse_keyword_rule,
    split_keyword_rules,
)
from ivr.line.content.loader import Content
from ivr.line.content.prompt import Prompt
from ivr.line.content.yaml_source import decode_text
from ivr.line.locales.locale import all_locales, word_set
from ivr.line.nlu.phrase_index import PRIORITY

LONGEST_RULE = 120
"""In characters, with the two spaces before it."""
MOST_RULES = 200
"""In one file."""
# A rule that nobody can read, or that is ignored, leaves no caller without help.
_STYLE = "rule-line"
# Fewer letters before a * than this begin too many words.
_SHORTEST_STEM = 3
# Every second message contains one of these.
_COMMON_WORDS = word_set(
    "what how when why where can does will get mammogram breast que como cuando donde puedo mamografia seno"
).union(*(locale.filler_words for locale in all_locales().values()))


def check_rule_lines(content: Content, prompt: Prompt) -> Iterator[Finding]:
    """Keyword rules where none may be, too many of them, and those that are too long or match almost everything."""
    if not prompt.keyword_rules:
        return
    top = prompt.field_lines["keyword_rules"]
    if prompt.name not in WITH_RULES:
        message = sentence(
            N_(
                "Only {names} may have keyword rules, so these are ignored: delete `keyword_rules:` and the lines below"
                " it, and add the questions that people ask to `phrases:`."
            ),
            names=", ".join(WITH_RULES),
        )
        yield Finding.of(prompt.file, top, _STYLE, "error", message)
        return
    if len(prompt.keyword_rules) > MOST_RULES:
        message = sentence(
            N_(
                "This file has {count} keyword rules, and nobody can read that many: keep at most {most}, and add the"
                " other words to `phrases:`."
            ),
            count=len(prompt.keyword_rules),
            most=MOST_RULES,
        )
        yield Finding.of(prompt.file, top, "rule", "error", message)
        return
    for number, rule in _written_rules(content, prompt):
        for kind, message in _messages(prompt.name, rule):
            yield Finding.of(prompt.file, top + 1 + number, kind, "error", message)


def _written_rules(content: Content, prompt: Prompt) -> Iterator[tuple[int, str]]:
    """The rules as written, each with its line number below `keyword_rules:`, from 0."""
    lines = decode_text(prompt.file, content.files[prompt.file]).split("\n")[prompt.field_lines["keyword_rules"] :]
    end = next((number for number, line in enumerate(lines) if line.strip() and not line.startswith(" ")), len(lines))
    return split_keyword_rules("\n".join(lines[:end]))


def _messages(name: str, rule: str) -> Iterator[tuple[str, Sentence]]:
    """(lint rule, message) for a keyword rule of a prompt."""
    length = len(rule) + len("  ")
    if length > LONGEST_RULE:
        template = N_(
            "The rule `{rule}…` has {length} characters: split it into two rules of one idea each, or remove words. At"
            " most {most} can be read at a glance."
        )
        yield _STYLE, sentence(template, rule=rule[:40], length=length, most=LONGEST_RULE)
    parsed = parse_keyword_rule(rule)
    if parsed.maybe and name not in PRIORITY:
        template = N_("Only {names} may have rules that begin with `maybe:`, so `{rule}` is ignored: remove it.")
        yield _STYLE, sentence(template, names=", ".join(PRIORITY), rule=rule[:40])
    if parsed.wanted and name not in WITH_WANTED:
        template = N_("Only {names} may have rules that begin with `wanted:`, so `{rule}` is ignored: remove it.")
        yield _STYLE, sentence(template, names=", ".join(WITH_WANTED), rule=rule[:40])
    if parsed.denied and name not in RED_FLAGS:
        template = N_("Only {names} may have rules that begin with `denied:`, so `{rule}` is ignored: remove it.")
        yield _STYLE, sentence(template, names=", ".join(RED_FLAGS), rule=rule[:40])
    twice = {atom for group, other in combinations(parsed.groups, 2) for atom in group if atom in other}
    for atom in sorted(() if parsed.denied else twice):
        template = N_(
            "The rule `{rule}` has `{word}` on both sides of a +, so that one word counts for both: remove one."
        )
        yield "rule", sentence(template, rule=rule[:40], word=" ".join(atom))
    if not parsed.alone and matches_almost_everything(parsed):
        template = N_("The rule `{rule}` matches almost every message: add a second, rarer word with +, or remove it.")
        yield "rule", sentence(template, rule=rule[:40])


def matches_almost_everything(rule: KeywordRule) -> bool:
    """Whether words that are in every second message are enough for a rule."""
    return all(any(map(_is_common, group)) for group in rule.groups)


def _is_common(atom: Atom) -> bool:
    return all(word in _COMMON_WORDS or len(word.rstrip("*")) < _SHORTEST_STEM and word.endswith("*") for word in atom)
