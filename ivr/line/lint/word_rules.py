"""Lint rules for the text of prompts, spoken and texted. Each takes the content and one prompt, and yields findings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from math import ceil
from textwrap import shorten

from ivr.line.content.findings import Finding
from ivr.line.content.loader import Content
from ivr.line.content.prompt import PLACEHOLDER, Prompt, Section
from ivr.line.content.required_prompts import LATER_LANGUAGE, allowed_placeholders, required_prompts
from ivr.line.lint import limits
from ivr.line.text import gsm7, readability
from ivr.line.text.hard_words import hard_words

# How many characters of a sentence a finding quotes.
QUOTED = 90
_PHONE = re.compile(r"(?<![\d-])(?:1-)?[0-9]{3}-[0-9]{3}-[0-9]{4}(?![\d-])")
_MANY_DIGITS = re.compile(r"\d(?:[-./() \u2010-\u2015]{0,2}\d){6,}")


def _numbered_lines(prompt: Prompt, *sections: Section) -> Iterator[tuple[int, str]]:
    """(line number, text) of the title and of every line of the sections."""
    yield 1, prompt.title
    for section in sections:
        yield from enumerate(section.words.split("\n"), start=section.line)


def _unknown_placeholders(content: Content, prompt: Prompt) -> Iterator[Finding]:
    allowed = allowed_placeholders(content.config, prompt.name)
    names = ", ".join(f"{{{name}}}" for name in sorted(allowed))
    for line, text in _numbered_lines(prompt, *prompt.sections()):
        for name in PLACEHOLDER.findall(text):
            if name not in allowed:
                message = f"{{{name[:QUOTED]}}} is not a placeholder for this prompt: use one of {names}."
                yield Finding(prompt.file, line, "placeholder", "error", message)
        if re.search(r"[{}]", PLACEHOLDER.sub("", text)):
            message = "A { or } has no partner: add the other one, or remove it."
            yield Finding(prompt.file, line, "placeholder", "error", message)


def _unsaid_times(_content: Content, prompt: Prompt) -> Iterator[Finding]:
    """A language that key 8 reaches after another one is offered with the number of presses."""
    if prompt.name == LATER_LANGUAGE and not any("{times}" in section.words for section in prompt.spoken):
        message = "Say {times}: how many times to press 8 for this language."
        yield Finding(prompt.file, prompt.spoken[0].line if prompt.spoken else 1, "language-key", "error", message)


def _unfilled_placeholders(_content: Content, prompt: Prompt) -> Iterator[Finding]:
    """Titles and choices are inserted into other prompts unchanged, so they cannot have placeholders."""
    for line, text in _numbered_lines(prompt, *([prompt.listed] if prompt.listed else [])):
        if PLACEHOLDER.search(text):
            message = "Placeholders do not work in titles or choices: write the text out."
            yield Finding(prompt.file, line, "placeholder", "error", message)


def _unlisted_numbers(content: Content, prompt: Prompt) -> Iterator[Finding]:
    """Every phone number is in the directory, and in the format that voices read digit by digit."""
    listed = {entry.number for entry in content.config.directory} | set(content.config.helplines)
    for line, text in _numbered_lines(prompt, *prompt.sections()):
        rest = _PHONE.sub(lambda match: "" if match[0] in listed else match[0], text)
        for number in _MANY_DIGITS.findall(rest):
            message = (
                f"{number[:QUOTED]} is not in the directory, or not written like {min(listed)}: correct it, or add it."
            )
            yield Finding(prompt.file, line, "number", "error", message)


def _hard_to_read(content: Content, prompt: Prompt) -> Iterator[Finding]:
    for section in prompt.sections():
        text = limits.fill_with_samples(content, prompt, section)
        mean = readability.average_sentence_length(text)
        longest = max(readability.sentences(text), key=_length, default="")
        if mean > limits.LONGEST_MEAN_SENTENCE:
            message = (
                f"Sentences average {mean:.0f} words: shorten them to {limits.LONGEST_MEAN_SENTENCE:.0f} or"
                f" fewer. The longest has {_length(longest)}: “{_quote(longest)}”"
            )
            yield Finding(prompt.file, section.line, "sentences", "error", message)
        elif _length(longest) > limits.LONGEST_SENTENCE:
            message = f"This sentence has {_length(longest)} words. Split it in two: “{_quote(longest)}”"
            yield Finding(prompt.file, _line_of(section, longest), "sentences", "warning", message)
        grade = limits.reading_grade(prompt, text)
        if grade is not None and grade > limits.HIGHEST_GRADE:
            allowed = limits.HIGHEST_GRADE
            message = f"This reads at grade {grade:.1f}: use shorter words and sentences to get to grade {allowed:.0f}."
            yield Finding(prompt.file, section.line, "grade", "error", message)


def _hard_words(_content: Content, prompt: Prompt) -> Iterator[Finding]:
    """Only warnings, because sometimes the hard word is the right one."""
    for line, text in ((1, prompt.title), *((section.line, section.words) for section in prompt.sections())):
        for hard in hard_words(text, prompt.language):
            message = f"`{hard.word}` is hard for many readers: could you say “{hard.plainer}”?"
            yield Finding(prompt.file, line + text.count("\n", 0, hard.offset), "hard-word", "warning", message)


def _length(sentence: str) -> int:
    return len(readability.words(sentence))


def _quote(sentence: str) -> str:
    """The beginning of a sentence, on one line."""
    return shorten(sentence, QUOTED, placeholder=" …")


def _line_of(section: Section, sentence: str) -> int:
    """The line on which a sentence begins, located by its first three words."""
    first_words = readability.words(sentence)[:3]
    match = re.search(r"\W+".join(map(re.escape, first_words)), section.words)
    return section.line + section.words.count("\n", 0, match.start() if match else 0)


def _long_sections(content: Content, prompt: Prompt) -> Iterator[Finding]:
    allowed = limits.most_seconds(prompt)
    for section in prompt.spoken:
        seconds = limits.seconds_to_say(content, prompt, section)
        if seconds > allowed:
            message = f"This takes {ceil(seconds)} seconds to say: shorten it to {allowed:.0f}, or split it in two."
            yield Finding(prompt.file, section.line, "seconds", "error", message)


def _text_message(content: Content, prompt: Prompt) -> Iterator[Finding]:
    """The characters and segments of the text message, with the longest values of its placeholders."""
    if prompt.texted is None:
        return
    line, text = prompt.texted.line, limits.longest_text(content, prompt, prompt.texted)
    sent, allowed = gsm7.count_segments(limits.as_sent(prompt, text)), limits.most_segments(content, prompt)
    if not prompt.keeps_accents and (lost := gsm7.unfoldable_characters(text)):
        message = f"A text message cannot contain {' '.join(lost)}: use letters, digits and ordinary punctuation."
        yield Finding(prompt.file, line, "alphabet", "error", message)
    if prompt.keeps_accents and (accents := gsm7.non_gsm7_characters(text)):
        message = (
            f"This text message keeps {' '.join(accents)}, and takes {sent.segments} segments instead of"
            f" {gsm7.count_segments(gsm7.fold_to_gsm7(text)).segments}: remove `accents: keep` if that costs too much."
        )
        yield Finding(prompt.file, line, "accents", "warning", message)
    if sent.segments > allowed:
        message = (
            f"This text message takes {sent.segments} segments ({sent.characters} characters at its longest):"
            f" shorten it to {allowed}."
        )
        yield Finding(prompt.file, line, "segments", "error", message)


def _unused(content: Content, prompt: Prompt) -> Iterator[Finding]:
    """A prompt that nothing uses. A missing prompt that the line needs is already an error when the folder is read."""
    if prompt.name in (*required_prompts(content.config), LATER_LANGUAGE):
        return
    if prompt.name not in {f"{step.prompt}-names-test" for step in content.config.reminders.plan}:
        message = "Nothing uses this prompt: name it in line.yaml, or delete the file."
        yield Finding(prompt.file, 0, "unused", "warning", message)
    for other in content.config.languages:
        if (other, prompt.name) not in content.prompts:
            message = f"This file is missing, but {prompt.file} exists: translate it before the line uses this prompt."
            yield Finding(f"{other}/{prompt.name}.md", 0, "translation", "warning", message)


WORD_RULES: tuple[Callable[[Content, Prompt], Iterator[Finding]], ...] = (
    _unknown_placeholders,
    _unsaid_times,
    _unfilled_placeholders,
    _unlisted_numbers,
    _hard_to_read,
    _hard_words,
    _long_sections,
    _text_message,
    _unused,
)
