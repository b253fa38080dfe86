"""Lint rules for the text of prompts, spoken and texted. Each takes the content and one prompt, and yields findings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from math import ceil
from textwrap import shorten

from ivr.i18n import N_, sentence
from ivr.line.content.findings import Finding, Level
from ivr.line.content.loader import Content
from ivr.line.content.prompt import PLACEHOLDER, Prompt, Section
from ivr.line.content.required_prompts import LATER_LANGUAGE, allowed_placeholders, required_prompts
from ivr.line.lint import limits
from ivr.line.locales.locale import get_locale
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
    unknown = N_("{placeholder} is not a placeholder for this prompt: use one of {names}.")
    unpaired = N_("A {{ or }} has no partner: add the other one, or remove it.")
    for line, text in _numbered_lines(prompt, *prompt.sections()):
        for name in PLACEHOLDER.findall(text):
            if name not in allowed:
                message = sentence(unknown, placeholder=f"{{{name[:QUOTED]}}}", names=names)
                yield Finding.of(prompt.file, line, "placeholder", "error", message)
        if re.search(r"[{}]", PLACEHOLDER.sub("", text)):
            yield Finding.of(prompt.file, line, "placeholder", "error", sentence(unpaired))


def _unsaid_times(_content: Content, prompt: Prompt) -> Iterator[Finding]:
    """A language that key 8 reaches after another one is offered with the number of presses."""
    if prompt.name == LATER_LANGUAGE and not any("{times}" in section.words for section in prompt.spoken):
        message = sentence(N_("Say {{times}}: how many times to press 8 for this language."))
        yield Finding.of(prompt.file, prompt.spoken[0].line if prompt.spoken else 1, "language-key", "error", message)


def _unfilled_placeholders(_content: Content, prompt: Prompt) -> Iterator[Finding]:
    """Titles and choices are inserted into other prompts unchanged, so they cannot have placeholders."""
    for line, text in _numbered_lines(prompt, *([prompt.listed] if prompt.listed else [])):
        if PLACEHOLDER.search(text):
            message = sentence(N_("Placeholders do not work in titles or choices: write the text out."))
            yield Finding.of(prompt.file, line, "placeholder", "error", message)


def _unlisted_numbers(content: Content, prompt: Prompt) -> Iterator[Finding]:
    """Every phone number is in the directory, and in the format that voices read digit by digit."""
    unlisted = N_("{number} is not in the directory, or not written like {example}: correct it, or add it.")
    listed = {entry.number for entry in content.config.directory} | set(content.config.helplines)
    for line, text in _numbered_lines(prompt, *prompt.sections()):
        rest = _PHONE.sub(lambda match: "" if match[0] in listed else match[0], text)
        for number in _MANY_DIGITS.findall(rest):
            message = sentence(unlisted, number=number[:QUOTED], example=min(listed))
            yield Finding.of(prompt.file, line, "number", "error", message)


def _hard_to_read(content: Content, prompt: Prompt) -> Iterator[Finding]:
    for section in prompt.sections():
        text = limits.fill_with_samples(content, prompt, section)
        mean = readability.average_sentence_length(text)
        longest = max(readability.sentences(text), key=_length, default="")
        if mean > limits.LONGEST_MEAN_SENTENCE:
            message = sentence(
                N_(
                    "Sentences average {mean} words: shorten them to {most} or fewer."
                    " The longest has {length}: “{quote}”"
                ),
                mean=f"{mean:.0f}",
                most=f"{limits.LONGEST_MEAN_SENTENCE:.0f}",
                length=_length(longest),
                quote=_quote(longest),
            )
            yield Finding.of(prompt.file, section.line, "sentences", "error", message)
        elif _length(longest) > limits.LONGEST_SENTENCE:
            template = N_("This sentence has {length} words. Split it in two: “{quote}”")
            message = sentence(template, length=_length(longest), quote=_quote(longest))
            yield Finding.of(prompt.file, _line_of(section, longest), "sentences", "warning", message)
        grade = limits.reading_grade(prompt, text)
        if grade is not None and grade > limits.HIGHEST_GRADE:
            template = N_("This reads at grade {grade}: use shorter words and sentences to get to grade {most}.")
            message = sentence(template, grade=f"{grade:.1f}", most=f"{limits.HIGHEST_GRADE:.0f}")
            # Crawford's formula is for samples of 100 words, and most parts of a prompt are shorter.
            level: Level = "warning" if get_locale(prompt.language).grade_formula == "crawford" else "error"
            yield Finding.of(prompt.file, section.line, "grade", level, message)


def _hard_words(_content: Content, prompt: Prompt) -> Iterator[Finding]:
    """Only warnings, because sometimes the hard word is the right one."""
    for line, text in ((1, prompt.title), *((section.line, section.words) for section in prompt.sections())):
        for hard in hard_words(text, prompt.language):
            template = N_("`{word}` is hard for many readers: could you say “{plainer}”?")
            message = sentence(template, word=hard.word, plainer=hard.plainer)
            yield Finding.of(prompt.file, line + text.count("\n", 0, hard.offset), "hard-word", "warning", message)


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
            template = N_("This takes {seconds} seconds to say: shorten it to {most}, or split it in two.")
            message = sentence(template, seconds=ceil(seconds), most=f"{allowed:.0f}")
            yield Finding.of(prompt.file, section.line, "seconds", "error", message)


def _text_message(content: Content, prompt: Prompt) -> Iterator[Finding]:
    """The characters and segments of the text message, with the longest values of its placeholders."""
    if prompt.texted is None:
        return
    line, text = prompt.texted.line, limits.longest_text(content, prompt, prompt.texted)
    sent, allowed = gsm7.count_segments(limits.as_sent(prompt, text)), limits.most_segments(content, prompt)
    if not prompt.keeps_accents and (lost := gsm7.unfoldable_characters(text)):
        template = N_("A text message cannot contain {characters}: use letters, digits and ordinary punctuation.")
        yield Finding.of(prompt.file, line, "alphabet", "error", sentence(template, characters=" ".join(lost)))
    if prompt.keeps_accents and (accents := gsm7.non_gsm7_characters(text)):
        message = sentence(
            N_(
                "This text message keeps {characters}, and takes {segments} segments instead of {folded}:"
                " remove `accents: keep` if that costs too much."
            ),
            characters=" ".join(accents),
            segments=sent.segments,
            folded=gsm7.count_segments(gsm7.fold_to_gsm7(text)).segments,
        )
        yield Finding.of(prompt.file, line, "accents", "warning", message)
    if sent.segments > allowed:
        message = sentence(
            N_(
                "This text message takes {segments} segments ({characters} characters at its longest): shorten it to"
                " {most}."
            ),
            segments=sent.segments,
            characters=sent.characters,
            most=allowed,
        )
        yield Finding.of(prompt.file, line, "segments", "error", message)


def _unused(content: Content, prompt: Prompt) -> Iterator[Finding]:
    """A prompt that nothing uses. A missing prompt that the line needs is already an error when the folder is read."""
    if prompt.name in (*required_prompts(content.config), LATER_LANGUAGE):
        return
    if prompt.name not in {f"{step.prompt}-names-test" for step in content.config.reminders.plan}:
        message = sentence(N_("Nothing uses this prompt: name it in line.yaml, or delete the file."))
        yield Finding.of(prompt.file, 0, "unused", "warning", message)
    for other in content.config.languages:
        if (other, prompt.name) not in content.prompts:
            template = N_("This file is missing, but {file} exists: translate it before the line uses this prompt.")
            message = sentence(template, file=prompt.file)
            yield Finding.of(f"{other}/{prompt.name}.md", 0, "translation", "warning", message)


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
