"""With any number of languages, what the line says about key 8 is true."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from ivr.line.callflow.graph import Graph
from ivr.line.callflow.speech import Speech
from ivr.line.callflow.states import Key, Menu, State
from ivr.line.content.findings import BrokenPrompts, Finding
from ivr.line.content.loader import LINE_FILE, Content, read_content
from ivr.line.content.revisions.upgrades import open_release
from ivr.line.content.yaml_source import read_yaml
from ivr.line.lint.folder_rules import FOLDER_RULES
from ivr.line.lint.word_rules import WORD_RULES
from tests.line.content.test_loader import SHIPPED, changed
from tests.support.paths import ROOT

SETTINGS = {
    "fr": {"name": "Français", "tag": "fr-CA", "voice": "Polly.Gabrielle-Neural"},
    "pt": {"name": "Português", "tag": "pt-BR", "voice": "Polly.Camila-Neural"},
}
KEY_8 = {
    "en": {"es": "Spanish", "fr": "French", "pt": "Portuguese"},
    "es": {"en": "inglés", "fr": "francés", "pt": "portugués"},
    "fr": {"en": "anglais", "es": "espagnol", "pt": "portugais"},
    "pt": {"en": "inglês", "es": "espanhol", "fr": "francês"},
}


def with_languages(*codes: str) -> dict[str, bytes]:
    """The shipped prompts in these languages, in this order; one that is not shipped repeats the Spanish ones."""
    added = [code for code in codes if code not in ("en", "es")]
    values = _copy_spanish(read_yaml(LINE_FILE, SHIPPED[LINE_FILE].decode()).value, added)
    languages = {code: {**values["languages"][code], **SETTINGS.get(code, {})} for code in codes}
    files = {name: data for name, data in SHIPPED.items() if name.split("/")[0] in codes}
    for code in added:
        files |= {f"{code}/{name[3:]}": data for name, data in SHIPPED.items() if name.startswith("es/")}
    files[LINE_FILE] = json.dumps({**values, "languages": languages}).encode()
    for index, code in enumerate(codes if len(codes) > 1 else ()):
        said = KEY_8[code][codes[(index + 1) % len(codes)]]
        keys = re.sub(r"8 (for|para) \w+", rf"8 \1 {said}", files[f"{code}/keys.md"].decode())
        files[f"{code}/keys.md"] = keys.encode()
    return files


def _copy_spanish(value: Any, added: list[str]) -> Any:
    """The values of line.yaml, with a copy of each Spanish one for the added languages."""
    if not isinstance(value, dict):
        return [_copy_spanish(item, added) for item in value] if isinstance(value, list) else value
    copied = {key: _copy_spanish(item, added) for key, item in value.items()}
    return copied | {code: copied["es"] for code in added if "es" in copied}


def offers(content: Content, language: str) -> list[tuple[str, int]]:
    """The languages that the welcome menu offers, and how often it says to press 8 for each."""
    speech = Speech(content, Graph(content))
    said = [block for block in speech.blocks(speech.graph.start(language)) if block.language != language]
    counts = [re.search(r"(\d) (?:times|veces)", " ".join(block.paragraphs)) for block in said]
    return [(block.language, int(count[1]) if count else 1) for block, count in zip(said, counts, strict=True)]


def key_findings(files: dict[str, bytes]) -> list[Finding]:
    """What the rules about text report about key 8."""
    content = read_content(files)
    found = [finding for rule in FOLDER_RULES for finding in rule(content)]
    for prompt in content.prompts.values():
        found += [finding for rule in WORD_RULES for finding in rule(content, prompt)]
    return [finding for finding in found if finding.rule == "language-key"]


CASES = [("en",), ("en", "es"), ("en", "es", "fr"), ("fr", "en", "es"), ("en", "es", "fr", "pt")]


@pytest.mark.parametrize("codes", CASES, ids="-".join)
def test_pressing_8_as_often_as_the_welcome_says_reaches_each_offered_language(codes: tuple[str, ...]) -> None:
    content = read_content(with_languages(*codes))
    graph = Graph(content)
    for language in codes:
        offered = offers(content, language)
        assert sorted(code for code, _ in offered) == sorted(set(codes) - {language})
        assert [times for _, times in offered] == list(range(1, len(codes)))
        for code, times in offered:
            state = State(language, Menu("welcome"))
            for _ in range(times):
                state = graph.next_turn(state, Key("8"), lambda _fact: True).state
            assert state == State(code, Menu("welcome"))


@pytest.mark.parametrize("codes", CASES, ids="-".join)
def test_keys_prompts_that_name_the_next_language_have_no_finding(codes: tuple[str, ...]) -> None:
    assert key_findings(with_languages(*codes)) == []


WRONG = [
    ("another language than the next", ("en", "es", "fr"), "es/keys.md", "francés", "inglés"),
    ("no language", ("en", "es"), "en/keys.md", "or 8 for Spanish", ""),
    ("two languages", ("en", "es", "fr"), "en/keys.md", "Spanish", "Spanish or French"),
]


@pytest.mark.parametrize(("label", "codes", "file", "old", "new"), WRONG, ids=[case[0] for case in WRONG])
def test_a_keys_prompt_that_says_something_else_about_key_8_is_an_error(
    label: str, codes: tuple[str, ...], file: str, old: str, new: str
) -> None:
    files = with_languages(*codes)
    assert old.encode() in files[file]
    files[file] = files[file].replace(old.encode(), new.encode())
    (finding,) = key_findings(files)
    assert (finding.file, finding.level) == (file, "error")


def test_an_offer_that_does_not_say_how_often_to_press_8_is_an_error() -> None:
    files = with_languages("en", "es", "fr")
    files["fr/other-language-later.md"] = files["fr/other-language-later.md"].replace(b"{times} veces", b"")
    (finding,) = key_findings(files)
    assert finding.file == "fr/other-language-later.md"


def test_a_third_language_requires_the_prompt_that_offers_it() -> None:
    files = with_languages("en", "es", "fr")
    del files["fr/other-language-later.md"]
    with pytest.raises(BrokenPrompts, match="fr/other-language-later"):
        read_content(files)


def test_a_former_release_in_three_languages_without_that_prompt_still_opens() -> None:
    files = with_languages("en", "es", "fr")
    for language in ("en", "es", "fr"):
        del files[f"{language}/other-language-later.md"]
    assert offers(open_release(files, ROOT / "prompts"), "en") == [("es", 1), ("fr", 2)]


def test_two_languages_do_not_need_that_prompt() -> None:
    files = changed("en/keys.md", "star", "star")
    for language in ("en", "es"):
        del files[f"{language}/other-language-later.md"]
    assert read_content(files)
