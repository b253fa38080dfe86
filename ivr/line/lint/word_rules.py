"""The rules for words: what is said and texted. Each is a function from one prompt of a content to findings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from math import ceil
from textwrap import shorten

from ivr.line.content.findings import Finding
from ivr.line.content.loader import Content
from ivr.line.content.prompt import PLACEHOLDER, Prompt, Section
from ivr.line.content.required_prompts import allowed_placeholders, required_prompts
from ivr.line.lint import limits
from ivr.line.text import gsm7, readability
from ivr.line.text.hard_words import hard_words

# How much of a sentence is quoted.
QUOTED = 90
_PHONE = re.compile(r"(?<![\d-])[0-9]{3}-[0-9]{3}-[0-9]{4}(?![\d-])")
_MANY_DIGITS = re.compile(r"\d(?:[-./() \u2010-\u2015]{0,2}\d){6,}")


def _error(prompt: Prompt, line: int, rule: str, message: str) -> Finding:
    return Finding(prompt.file, line, rule, "error", message)


def _lines(prompt: Prompt) -> Iterator[tuple[int, str]]:
    """Every line that is said, texted or shown in a menu, and where it stands."""
    yield 1, prompt.title
    for section in prompt.sections():
        yield from enumerate(section.words.split("\n"), start=section.line)


def _unknown_placeholders(content: Content, prompt: Prompt) -> Iterator[Finding]:
    known = allowed_placeholders(content.config, prompt.name)
    told = ", ".join(f"{{{one}}}" for one in sorted(known))
    for at, words in _lines(prompt):
        for name in PLACEHOLDER.findall(words):
            if name not in known:
                yield _error(prompt, at, "placeholder", f"{{{name[:QUOTED]}}} is not known here: use {told}.")
        if re.search(r"[{}]", PLACEHOLDER.sub("", words)):
            yield _error(prompt, at, "placeholder", "A { or } stands alone: write both, or none.")


def _unfilled_placeholders(_content: Content, prompt: Prompt) -> Iterator[Finding]:
    """A title and a choice are put into other words as they stand."""
    bare = [(1, prompt.title)]
    if prompt.listed:
        bare += enumerate(prompt.listed.words.split("\n"), start=prompt.listed.line)
    for at, words in bare:
        if PLACEHOLDER.search(words):
            yield _error(prompt, at, "placeholder", "Nothing is filled in here: write the words themselves.")


def _unowned_numbers(content: Content, prompt: Prompt) -> Iterator[Finding]:
    """Nobody is sent to a number that the directory does not know, or that a voice would read as an amount."""
    owned = {entry.number for entry in content.config.directory}
    for at, words in _lines(prompt):
        rest = _PHONE.sub(lambda match: "" if match[0] in owned else match[0], words)
        for number in _MANY_DIGITS.findall(rest):
            message = (
                f"{number[:QUOTED]} is no number of the directory, written like {min(owned)}: correct it, or add it."
            )
            yield _error(prompt, at, "number", message)


def _hard_to_read(content: Content, prompt: Prompt) -> Iterator[Finding]:
    for section in prompt.sections():
        words = limits.fill_with_samples(content, prompt, section)
        mean = readability.average_sentence_length(words)
        longest = max(readability.sentences(words), key=_length, default="")
        if mean > limits.LONGEST_SENTENCES:
            message = (
                f"Sentences have {mean:.0f} words on average: make them shorter than 15."
                f" The longest has {_length(longest)}: “{_begun(longest)}”"
            )
            yield _error(prompt, section.line, "sentences", message)
        elif _length(longest) > limits.LONGEST_SENTENCE:
            message = f"A sentence has {_length(longest)} words: part it in two: “{_begun(longest)}”"
            yield Finding(prompt.file, _line_of(section, longest), "sentences", "warning", message)
        grade = limits.reading_grade(prompt, words)
        if grade is not None and grade > limits.HIGHEST_GRADE:
            message = f"This reads at grade {grade:.1f}: use shorter words and sentences, to grade 6."
            yield _error(prompt, section.line, "grade", message)


def _hard_words(_content: Content, prompt: Prompt) -> Iterator[Finding]:
    """A warning: now and then the hard word is the right one."""
    for line, words in ((1, prompt.title), *((section.line, section.words) for section in prompt.sections())):
        for hard in hard_words(words, prompt.language):
            message = f"`{hard.word}` is a hard word for many: could you say {hard.plainer}?"
            at = line + words.count("\n", 0, hard.at)
            yield Finding(prompt.file, at, "hard-word", "warning", message)


def _length(sentence: str) -> int:
    return len(readability.words(sentence))


def _begun(sentence: str) -> str:
    """A sentence as it is quoted: on one line, and no more of it than one needs to find it."""
    return shorten(sentence, QUOTED, placeholder=" …")


def _line_of(section: Section, sentence: str) -> int:
    """The line on which a sentence of a section begins, found by its first words as they are written."""
    first = readability.words(sentence)[:3]
    found = re.search(r"\W+".join(map(re.escape, first)), section.words)
    return section.line + section.words.count("\n", 0, found.start() if found else 0)


def _long_pieces(content: Content, prompt: Prompt) -> Iterator[Finding]:
    allowed = limits.most_seconds(prompt)
    for section in prompt.spoken:
        seconds = limits.seconds_to_say(content, prompt, section)
        if seconds > allowed:
            message = f"This takes {ceil(seconds)} seconds to say: shorten it to {allowed:.0f}, or part it in two."
            yield _error(prompt, section.line, "seconds", message)


def _lost_characters(content: Content, prompt: Prompt, section: Section) -> Iterator[Finding]:
    lost = () if prompt.keeps_accents else gsm7.unfoldable_characters(limits.longest_text(content, prompt, section))
    if lost:
        message = f"{' '.join(lost)} cannot stand in a text: write it in other signs."
        yield _error(prompt, section.line, "alphabet", message)


def _kept_accents(content: Content, prompt: Prompt, section: Section) -> Iterator[Finding]:
    """What it costs that a text goes out with signs that GSM-7 does not have."""
    text = limits.longest_text(content, prompt, section)
    dear = gsm7.non_gsm7_characters(text) if prompt.keeps_accents else ()
    if dear:
        counted, cheap = gsm7.count_segments(text).segments, gsm7.count_segments(gsm7.fold_to_gsm7(text)).segments
        message = (
            f"This text keeps {' '.join(dear)}, and so takes {counted} segments where {cheap} would do:"
            " take `accents: keep` away if that is too dear."
        )
        yield Finding(prompt.file, section.line, "accents", "warning", message)


def _costly_texts(content: Content, prompt: Prompt, section: Section) -> Iterator[Finding]:
    allowed = limits.most_segments(content, prompt)
    counted = limits.segments_as_sent(content, prompt, section)
    if counted.segments > allowed:
        message = (
            f"This text takes {counted.segments} segments ({counted.characters} characters at its longest):"
            f" shorten it to {allowed}."
        )
        yield _error(prompt, section.line, "segments", message)


def _unused(content: Content, prompt: Prompt) -> Iterator[Finding]:
    """A file that nothing says yet; what the line needs is asked for in each language before anything is proved."""
    if prompt.name in required_prompts(content.config):
        return
    if prompt.name not in {f"{step.prompt}-names-test" for step in content.config.reminders.plan}:
        message = "Nothing says this prompt: name it in line.yaml, or take the file away."
        yield Finding(prompt.file, 0, "unused", "warning", message)
    for other in content.config.languages:
        if (other, prompt.name) not in content.prompts:
            message = f"This file is missing, and {prompt.file} is there: translate it, before the line says it."
            yield Finding(f"{other}/{prompt.name}.md", 0, "translation", "warning", message)


def _rules_for_texts(content: Content, prompt: Prompt) -> Iterator[Finding]:
    for rule in (_lost_characters, _kept_accents, _costly_texts):
        if prompt.texted:
            yield from rule(content, prompt, prompt.texted)


WORD_RULES: tuple[Callable[[Content, Prompt], Iterator[Finding]], ...] = (
    _unknown_placeholders,
    _unfilled_placeholders,
    _unowned_numbers,
    _hard_to_read,
    _hard_words,
    _long_pieces,
    _rules_for_texts,
    _unused,
)
