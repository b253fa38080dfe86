"""TwiML as it is read: XML into elements that know their line, each checked against a grammar.

A `TwimlError` names the line, the element, and what is allowed. Document types and entities are refused, as
they have no place in TwiML. At most 64 kB (https://www.twilio.com/docs/api/errors/11750).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urljoin
from xml.parsers import expat

from simulator.grammar import ADDRESSES, ELSEWHERE, SPEECH, Verb
from simulator.loopback import is_loopback
from simulator.webhook import MOST_BYTES


class TwimlError(Exception):
    """A document that Twilio would not run. The text is one sentence; `code` is Twilio's debugger code."""

    def __init__(self, line: int, sentence: str, code: int = 12200) -> None:
        super().__init__(f"TwiML line {line}: {sentence}")
        self.code = code


@dataclass
class Element:
    """One element: its name, attributes, line (from 1), and what it holds in order: words and elements."""

    name: str
    attributes: dict[str, str]
    line: int
    content: list[str | Element] = field(default_factory=list)

    @property
    def children(self) -> list[Element]:
        return [part for part in self.content if isinstance(part, Element)]

    @property
    def words(self) -> str:
        """Its own and its children's words, white space collapsed; a pause or a paragraph parts words."""
        return re.sub(r"\s+", " ", "".join(self._pieces())).strip()

    @property
    def kept_words(self) -> str:
        """Its own words with their line breaks, as a text is sent: only the ends are trimmed."""
        return "".join(part for part in self.content if isinstance(part, str)).strip()

    def _pieces(self) -> Iterator[str]:
        for part in self.content:
            if isinstance(part, str):
                yield part
            else:
                apart = " " if part.name in ("break", "p", "s") else ""
                yield apart
                yield from part._pieces()
                yield apart

    def get(self, name: str, default: str) -> str:
        return self.attributes.get(name, default)


def parse(document: bytes, verbs: Mapping[str, Verb], base: str) -> Element:
    """The `<Response>` of a document, checked. `base` is the address that it came from. Raises
    `TwimlError`.
    """
    if len(document) > MOST_BYTES:
        raise TwimlError(1, f"the document is over {MOST_BYTES // 1024} kB, and Twilio takes no more.", 11750)
    root = _Reader().read(document)
    if root.name != "Response":
        raise TwimlError(root.line, f"the outermost element is <{root.name}>; it must be <Response>.", 12100)
    _check(root, verbs, base)
    return root


class _Reader:
    def __init__(self) -> None:
        self._parser = expat.ParserCreate(namespace_separator=None)
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._words
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._open: list[Element] = []
        self._root: Element | None = None

    def read(self, document: bytes) -> Element:
        try:
            self._parser.Parse(document, True)
        except expat.ExpatError as error:
            what = expat.ErrorString(error.code)
            raise TwimlError(error.lineno, f"this is not XML ({what}).", 12100) from None
        except (LookupError, ValueError) as error:
            raise TwimlError(1, f"this is not XML ({error}).", 12100) from None
        if self._root is None:
            raise TwimlError(1, "the document is empty.", 12100)
        return self._root

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        element = Element(name, attributes, self._parser.CurrentLineNumber)
        if self._open:
            self._open[-1].content.append(element)
        elif self._root is None:
            self._root = element
        self._open.append(element)

    def _end(self, _name: str) -> None:
        self._open.pop()

    def _words(self, words: str) -> None:
        if self._open:
            self._open[-1].content.append(words)

    def _doctype(self, *_: object) -> None:
        raise TwimlError(self._parser.CurrentLineNumber, "a document type has no place in TwiML.", 12100)


def _check(element: Element, verbs: Mapping[str, Verb], base: str) -> None:
    verb = verbs[element.name]
    _check_attributes(element, verb)
    _check_addresses(element, base)
    for part in element.content:
        if isinstance(part, str):
            if part.strip() and not verb.words:
                raise TwimlError(element.line, f"<{element.name}> takes no words of its own{_may_hold(verb)}.")
            continue
        if part.name not in verb.children:
            raise TwimlError(part.line, _misplaced(part.name, element.name, verb, verbs))
        _check(part, verbs, base)


def _check_attributes(element: Element, verb: Verb) -> None:
    for name, value in element.attributes.items():
        kind = verb.attributes.get(name)
        if kind is None:
            takes = f"it takes {', '.join(verb.attributes)}" if verb.attributes else "it takes none"
            raise TwimlError(element.line, f"<{element.name}> has no attribute {name}; {takes}.")
        if not kind.fits(value):
            raise TwimlError(element.line, f'<{element.name}> {name}="{value}" is not valid; it takes {kind.allowed}.')
    for name in verb.required:
        if name not in element.attributes:
            raise TwimlError(element.line, f"<{element.name}> needs the attribute {name}.")


def _check_addresses(element: Element, base: str) -> None:
    if element.name in SPEECH:
        return
    for name in ADDRESSES:
        value = element.attributes.get(name)
        if value is not None and not is_loopback(urljoin(base, value)):
            raise TwimlError(
                element.line,
                f'<{element.name}> {name}="{value}" is not on this machine; '
                "the simulator speaks to loopback addresses only.",
                11100,
            )


def _misplaced(name: str, parent: str, verb: Verb, verbs: Mapping[str, Verb]) -> str:
    if name in ELSEWHERE:
        return f"<{name}> is known to Twilio, but this simulator does not act it out{_may_hold(verb, parent)}."
    if name not in verbs:
        return f"there is no <{name}>{_may_hold(verb, parent)}."
    return f"<{name}> may not stand in <{parent}>{_may_hold(verb, parent)}."


def _may_hold(verb: Verb, parent: str = "it") -> str:
    who = parent if parent == "it" else f"<{parent}>"
    if not verb.children:
        return f"; {who} may hold {'words only' if verb.words else 'nothing'}"
    return f"; {who} may hold {', '.join(f'<{child}>' for child in verb.children)}"
