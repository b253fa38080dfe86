"""What `infoline prompts check` looks at: the words, one by one, and the call graph, step by step.

Each rule is a function from what is checked to findings; RULES lists them all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ivr.line import gsm, reading
from ivr.line.compiled import Line
from ivr.line.content import LINE_FILE, Content, Files, read_content
from ivr.line.findings import BrokenPrompts, Finding
from ivr.line.graph import Goodbye, Key, Menu, Offer, Place, State, Transfer
from ivr.line.needed import needed_prompts, placeholders
from ivr.line.prompt import PHONE, PLACEHOLDER, Prompt, Section
from ivr.line.understand import plain

HIGHEST_GRADE = 6.0
LONGEST_SENTENCES = 15.0
MOST_CHOICES = 5
DEEPEST = 3
LONGEST_PIECE = 31.0
WORDS_PER_MINUTE = 140.0
MOST_SEGMENTS = 3
# The longest values that a reminder's placeholders take; a site's name and number come from line.yaml.
LONGEST_VALUES = {"date": "Wed, Sep 30", "time": "12:30 PM"}
LONGEST_DATES = {"es": "mié, 30 sept"}
LENGTHS = {"reminder": 1, "menu": 2}


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
    findings = [finding for rule in CONTENT_RULES for finding in rule(content)]
    if any(finding.rule == "placeholder" for finding in findings):
        return Report(0, 0, _sorted(findings))
    line = Line(content)
    findings += [finding for rule in GRAPH_RULES for finding in rule(line)]
    return Report(len(line.states), line.arrows, _sorted(findings))


def _sorted(findings: list[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(set(findings), key=lambda finding: (finding.level, finding)))


def _error(prompt: Prompt, line: int, rule: str, message: str) -> Finding:
    return Finding(prompt.file, line, rule, "error", message)


def _unknown_placeholders(content: Content) -> Iterator[Finding]:
    for prompt in content.prompts.values():
        known = placeholders(content.config, prompt.name)
        for section in prompt.sections():
            for at, words in enumerate(section.words.split("\n"), start=section.line + 1):
                for name in PLACEHOLDER.findall(words):
                    if name not in known:
                        told = ", ".join(f"{{{one}}}" for one in sorted(known))
                        yield _error(prompt, at, "placeholder", f"{{{name}}} is not known here: use {told}.")
                if words.count("{") != words.count("}"):
                    yield _error(prompt, at, "placeholder", "A { or } stands alone: write both, or none.")


def _unowned_numbers(content: Content) -> Iterator[Finding]:
    owned = {entry.number for entry in content.config.directory}
    for prompt in content.prompts.values():
        for section in prompt.sections():
            for number in PHONE.findall(section.words):
                if number not in owned:
                    message = f"{number} belongs to nobody in the directory: add it there, or correct it."
                    yield _error(prompt, section.line, "number", message)


def _hard_to_read(content: Content) -> Iterator[Finding]:
    for prompt in content.prompts.values():
        for section in prompt.sections():
            words = _filled(content, prompt, section)
            sentence = reading.average_sentence_length(words)
            if sentence > LONGEST_SENTENCES:
                message = f"Sentences have {sentence:.0f} words on average: make them shorter than 15."
                yield _error(prompt, section.line, "sentences", message)
            grade = reading.flesch_kincaid_grade(words) if prompt.language == "en" else 0.0
            if grade > HIGHEST_GRADE:
                message = f"This reads at grade {grade:.1f}: use shorter words and sentences, to grade 6."
                yield _error(prompt, section.line, "grade", message)


def _filled(content: Content, prompt: Prompt, section: Section, **values: str) -> str:
    known = {**content.values(prompt.language), **values}
    return PLACEHOLDER.sub(lambda match: known.get(match[1], "word"), section.words)


def _long_pieces(content: Content) -> Iterator[Finding]:
    for topic in content.config.topics:
        if topic.id in content.config.menus:
            continue
        for language in content.config.languages:
            prompt = content.prompt(language, topic.id)
            for section in prompt.spoken:
                words = _filled(content, prompt, section)
                pause = content.config.pause_ms
                seconds = reading.seconds_to_speak(words, language, WORDS_PER_MINUTE, pause_ms=pause)
                if seconds > LONGEST_PIECE:
                    message = f"This takes {seconds:.0f} seconds to say: part it with another `## Spoken`."
                    yield _error(prompt, section.line, "seconds", message)


def _uneven_pieces(content: Content) -> Iterator[Finding]:
    first, *others = content.config.languages
    for topic in content.config.topics:
        pieces = len(content.prompt(first, topic.id).spoken)
        for language in others:
            prompt = content.prompt(language, topic.id)
            if len(prompt.spoken) != pieces:
                message = f"`{first}` has {pieces} spoken pieces and this file {len(prompt.spoken)}: make them equal."
                yield _error(prompt, 1, "translation", message)


def _costly_texts(content: Content) -> Iterator[Finding]:
    reminders = {step.wording for step in content.config.reminders.plan}
    for prompt in content.prompts.values():
        if prompt.texted is None:
            continue
        text = gsm.fold(_longest(content, prompt, prompt.texted))
        allowed = LENGTHS["reminder"] if prompt.name in reminders else LENGTHS.get(prompt.name, MOST_SEGMENTS)
        counted = gsm.segments(text)
        if counted.segments > allowed:
            message = (
                f"This text takes {counted.segments} segments ({counted.characters} characters at its longest):"
                f" shorten it to {allowed}."
            )
            yield _error(prompt, prompt.texted.line, "segments", message)


def _longest(content: Content, prompt: Prompt, section: Section) -> str:
    config, language = content.config, prompt.language
    topics = "\n".join(f"{topic.number} {content.prompt(language, topic.id).title}" for topic in config.topics)
    values = {
        **LONGEST_VALUES,
        "date": LONGEST_DATES.get(language, LONGEST_VALUES["date"]),
        "site": max((site.name[language] for site in config.sites), key=len),
        "number": config.directory[0].number,
        "topics": topics,
    }
    return _filled(content, prompt, section, **values)


def _doubled_phrases(content: Content) -> Iterator[Finding]:
    owners: dict[str, tuple[str, str]] = {}
    for prompt in content.prompts.values():
        for phrase, line in zip(prompt.phrases, prompt.phrase_lines, strict=True):
            name, file = owners.setdefault(plain(phrase), (prompt.name, prompt.file))
            if name != prompt.name:
                message = f"`{phrase}` leads to {name} too ({file}): keep it in one of the two."
                yield _error(prompt, line, "phrase", message)


def _choices_and_keys(content: Content) -> Iterator[Finding]:
    for name, menu in content.config.menus.items():
        if len(menu.choices) > MOST_CHOICES:
            message = f"The menu `{name}` has {len(menu.choices)} choices: keep at most {MOST_CHOICES}."
            yield Finding(LINE_FILE, 0, "menu-choices", "error", message)
        for language in content.config.languages:
            prompt = content.prompt(language, name)
            if set(prompt.choices) != set(menu.choices):
                keys = ", ".join(menu.choices)
                message = f"`## Choices` must have the keys {keys}, as line.yaml says for this menu."
                yield _error(prompt, 1, "menu-choices", message)


def _unconfirmed(content: Content) -> Iterator[Finding]:
    for entry in content.config.directory:
        if not entry.confirmed:
            message = f"The hours of {entry.id} are assumed: ask the hospital, then set confirmed: true."
            yield Finding(LINE_FILE, 0, "unconfirmed", "warning", message)


def _unused(content: Content) -> Iterator[Finding]:
    needed = needed_prompts(content.config)
    spare = {f"{step.prompt}-names-test" for step in content.config.reminders.plan}
    for prompt in content.prompts.values():
        if prompt.name not in needed and prompt.name not in spare:
            yield Finding(prompt.file, 0, "unused", "warning", "Nothing says this prompt: take the file away.")


def _help_is_one_key_away(line: Line) -> Iterator[Finding]:
    """From every state, 0 leads to a person when open, and to the offer when closed."""
    for state in line.states.values():
        if isinstance(state.place, Transfer | Goodbye):
            continue
        for is_open, wanted, what in ((True, Transfer, "a person"), (False, Offer, "the offer")):
            reached = line.graph.step(state, Key("0"), (lambda _name: True) if is_open else (lambda _name: False))
            if not isinstance(reached.state.place, wanted):
                message = f"At {state.token} key 0 does not lead to {what}."
                yield Finding(LINE_FILE, 0, "no-help", "error", message)


def _dead_ends(line: Line) -> Iterator[Finding]:
    """Every state can still reach a person or the offer, and every place stands within reach of a caller."""
    leads: dict[State, set[State]] = defaultdict(set)
    for state, _heard, turn in line.graph.walk():
        leads[turn.state].add(state)
    good = [state for state in line.states.values() if isinstance(state.place, Transfer | Offer | Goodbye)]
    seen = set(good)
    for state in good:
        for before in leads[state] - seen:
            seen.add(before)
            good.append(before)
    for state in line.states.values():
        if state not in seen:
            yield Finding(LINE_FILE, 0, "dead-end", "error", f"From {state.token} no key leads to help.")


def _unreached(line: Line) -> Iterator[Finding]:
    reached: set[Place] = {state.place for state in line.states.values()}
    for name in line.content.config.menus:
        if Menu(name) not in reached:
            message = f"No key leads to the menu `{name}`: give it one, or take it away."
            yield Finding(LINE_FILE, 0, "unreached", "error", message)


def _too_deep(line: Line) -> Iterator[Finding]:
    for place in {state.place for state in line.states.values() if isinstance(state.place, Menu)}:
        depth = 1
        above: Place = place
        while above != Menu("welcome"):
            above, depth = line.graph.parent(above), depth + 1
        if depth + 1 > DEEPEST and isinstance(place, Menu):
            message = f"The menu `{place.name}` lies {depth} deep: callers get lost beyond {DEEPEST}."
            yield Finding(LINE_FILE, 0, "depth", "error", message)


CONTENT_RULES: tuple[Callable[[Content], Iterator[Finding]], ...] = (
    _unknown_placeholders,
    _unowned_numbers,
    _hard_to_read,
    _long_pieces,
    _uneven_pieces,
    _costly_texts,
    _doubled_phrases,
    _choices_and_keys,
    _unconfirmed,
    _unused,
)
GRAPH_RULES: tuple[Callable[[Line], Iterator[Finding]], ...] = (
    _help_is_one_key_away,
    _dead_ends,
    _unreached,
    _too_deep,
)
