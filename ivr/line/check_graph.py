"""The rules for the call graph: where each key leads. Each is a function from a compiled line to findings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator

from ivr.line import reading
from ivr.line.check_words import WORDS_PER_MINUTE
from ivr.line.compiled import Line
from ivr.line.content import LINE_FILE
from ivr.line.findings import Finding
from ivr.line.graph import Goodbye, Key, Menu, Offer, Piece, Place, State, Transfer, Turn
from ivr.line.signs import RED_FLAGS

DEEPEST = 3
# Five choices, the keys that are the same everywhere, and the other language's greeting, at an easy pace.
LONGEST_MENU = 40.0


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
    """A state from which no sequence of keys leads to a person or the offer: a dead end, or a loop for ever."""
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
    config, source = line.content.config, line.content.source
    reached: set[Place] = {state.place for state in line.states.values()}
    for name in config.menus:
        if Menu(name) not in reached:
            message = f"No key leads to the menu `{name}`: give it one, or take it away."
            yield source.fault(("menus", name), "unreached", message)
    for at, topic in enumerate(config.topics):
        if topic.id not in config.menus and Piece(topic.id, 0) not in reached:
            message = f"No key leads to the topic `{topic.id}`: give it one in a menu, or take it away."
            yield source.fault(("topics", at), "unreached", message)


def _too_deep(line: Line) -> Iterator[Finding]:
    for place in {state.place for state in line.states.values() if isinstance(state.place, Menu)}:
        depth = 1
        above: Place = place
        while above != Menu("welcome"):
            above, depth = line.graph.parent(above), depth + 1
        if depth + 1 > DEEPEST:
            message = f"The choices of `{place.name}` lie {depth + 1} deep: callers get lost beyond {DEEPEST}."
            yield line.content.source.fault(("menus", place.name), "depth", message)


def _long_menus(line: Line) -> Iterator[Finding]:
    content = line.content
    for language in content.config.languages:
        for name in content.config.menus:
            said = line.speech.blocks(Turn(State(language, Menu(name))))
            paragraphs = [words for block in said for words in block.paragraphs]
            seconds = reading.seconds_to_speak(
                "\n\n".join(paragraphs), language, WORDS_PER_MINUTE, pause_ms=content.config.pause_ms
            )
            if seconds > LONGEST_MENU:
                message = f"This menu takes {seconds:.0f} seconds to say, keys too: shorten it to {LONGEST_MENU:.0f}."
                yield Finding(content.prompt(language, name).file, 1, "seconds", "error", message)


def _strayed_phrases(line: Line) -> Iterator[Finding]:
    """Each phrase leads to its own prompt and to no other; red flags are looked for before anything else."""
    for prompt in line.content.prompts.values():
        for phrase, at in zip(prompt.phrases, prompt.phrase_lines, strict=True):
            led = line.matcher.ask(phrase, prompt.language).topic
            if led != prompt.name and not {led, prompt.name} <= set(RED_FLAGS):
                message = f"`{phrase}` is understood as {led}: put it in other words."
                yield Finding(prompt.file, at, "phrase", "error", message)


GRAPH_RULES: tuple[Callable[[Line], Iterator[Finding]], ...] = (
    _help_is_one_key_away,
    _dead_ends,
    _unreached,
    _too_deep,
    _long_menus,
    _strayed_phrases,
)
