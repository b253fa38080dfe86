"""Lint rules for keyword rules: where they may be, how many, how long, and how wide."""

from __future__ import annotations

import pytest

from ivr.line.content.findings import Finding
from ivr.line.content.keyword_rules import WITH_RULES, parse_keyword_rule
from ivr.line.content.loader import read_content
from ivr.line.lint.rule_lines import LONGEST_RULE, MOST_RULES, check_rule_lines, matches_almost_everything
from tests.line.content.test_loader import SHIPPED

URGENT = "en/urgent.md"
HEAD = "---\ntitle: A title\nsources: [line]\nreviewed: {by: null, on: null}\nkeyword_rules: |\n"
FIRST_RULE = HEAD.count("\n") + 1


def findings(file: str, *rules: str) -> list[Finding]:
    """The findings in a file of the shipped prompts whose keyword rules are replaced."""
    _, _, body = SHIPPED[file].decode().partition("\n---\n")
    top = HEAD + "".join(f"  {rule}\n" for rule in rules)
    content = read_content({**SHIPPED, file: f"{top}---\n{body}".encode()})
    language, name = file.removesuffix(".md").split("/")
    found = list(check_rule_lines(content, content.prompt(language, name)))
    assert all(finding.level == "error" and finding.file == file for finding in found)
    return found


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("name", WITH_RULES)
def test_the_shipped_keyword_rules_have_no_findings(language: str, name: str) -> None:
    content = read_content(SHIPPED)
    assert list(check_rule_lines(content, content.prompt(language, name))) == []


def test_a_keyword_rule_outside_the_safety_outcomes_is_refused_and_the_error_says_to_write_phrases() -> None:
    (finding,) = findings("en/cancer.md", "scared + cancer", "worried + cancer")
    assert (finding.line, finding.rule) == (FIRST_RULE - 1, "rule-line")
    assert "delete `keyword_rules:`" in finding.message
    assert "`phrases:`" in finding.message


def test_a_rule_that_is_too_long_to_read_is_reported_at_its_first_line() -> None:
    longest = "chest + " + "x" * (LONGEST_RULE - len("  chest + "))
    assert findings(URGENT, "# Chest pain", longest) == []
    (finding,) = findings(URGENT, "# Chest pain", "chest + pain", longest + "x")
    assert (finding.line, finding.rule, str(LONGEST_RULE + 1) in finding.message) == (FIRST_RULE + 2, "rule-line", True)
    (continued,) = findings(URGENT, "arm + pain,", "hurts,", longest)
    assert continued.line == FIRST_RULE


def test_too_many_rules_are_one_finding() -> None:
    rules = [f"chest + pain{number}" for number in range(MOST_RULES)]
    assert findings(URGENT, *rules) == []
    (finding,) = findings(URGENT, *rules, "chest + pain")
    assert finding.line == FIRST_RULE - 1
    assert f"at most {MOST_RULES}" in finding.message


@pytest.mark.parametrize(
    "rule", ["*", "the", "a*", "no*", "lump, what", "me + the, lump", "in my breast", "de la", "que but not cancer"]
)
def test_a_rule_that_matches_almost_every_message_is_reported(rule: str) -> None:
    (finding,) = findings(URGENT, "chest + pain", rule)
    assert (finding.line, finding.rule) == (FIRST_RULE + 1, "rule")
    assert "almost every message" in finding.message


@pytest.mark.parametrize("rule", ["lump", "chest + the", "in my bra", "the lump", "bleed*", "911", "me mato"])
def test_a_rule_with_a_rare_word_in_some_group_is_not_too_wide(rule: str) -> None:
    assert not matches_almost_everything(parse_keyword_rule(rule))


def test_words_that_must_be_alone_may_be_common() -> None:
    assert findings(URGENT, "alone: no, stop, me") == []


def test_a_word_in_two_groups_of_a_rule_is_reported() -> None:
    (finding,) = findings(URGENT, "arm, jaw + pain", "arm, jaw + sweat*, jaw, feel sick")
    assert (finding.line, finding.rule) == (FIRST_RULE + 1, "rule")
    assert "`jaw`" in finding.message


def test_only_red_flags_can_be_denied() -> None:
    assert findings(URGENT, "denied: no + any + pain") == []
    (finding,) = findings("en/start.md", "start + texts", "denied: no + any + texts")
    assert (finding.line, finding.rule) == (FIRST_RULE + 1, "rule-line")
    assert "`denied:`" in finding.message


def test_a_rule_that_makes_an_outcome_only_possible_belongs_to_red_flags_and_opt_outs() -> None:
    assert findings(URGENT, "maybe: chest + pain") == findings("en/stop.md", "maybe: husband + says") == []
    (finding,) = findings("en/start.md", "start + texts", "maybe: begin + texts")
    assert (finding.line, finding.rule) == (FIRST_RULE + 1, "rule-line")
