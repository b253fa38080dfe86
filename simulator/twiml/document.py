"""Parses TwiML into elements with line numbers, and validates each against the grammar.

Document types and entities are rejected. At most 64 kB: https://www.twilio.com/docs/api/errors/11750
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urljoin
from xml.parsers import expat

from simulator.loopback import may_request
from simulator.twiml.grammar import SPEECH, UNSUPPORTED, URL_ATTRIBUTES, Verb
from simulator.webhook import MAX_BYTES


class TwimlError(Exception):
    """An invalid document. The message names the line, the element and what is allowed; `code` is Twilio's."""

    def __init__(self, line: int, sentence: str, code: int = 12200) -> None:
        super().__init__(f"TwiML line {line}: {sentence}")
        self.code = code


@dataclass
class Element:
    """An element. line: from 1. content: its text and child elements, in order."""

    name: str
    attributes: dict[str, str]
    line: int
    content: list[str | Element] = field(default_factory=list)

    @property
    def children(self) -> list[Element]:
        return [part for part in self.content if isinstance(part, Element)]

    @property
    def text(self) -> str:
        """The text of the element and its descendants, with white space collapsed; breaks and paragraphs are spaces."""
        return re.sub(r"\s+", " ", "".join(self._texts())).strip()

    @property
    def raw_text(self) -> str:
        """The element's own text with its line breaks, trimmed at the ends: the body of a text message."""
        return "".join(part for part in self.content if isinstance(part, str)).strip()

    def _texts(self) -> Iterator[str]:
        for part in self.content:
            if isinstance(part, str):
                yield part
            else:
                space = " " if part.name in ("break", "p", "s") else ""
                yield space
                yield from part._texts()
                yield space

    def get(self, name: str, default: str) -> str:
        return self.attributes.get(name, default)


def parse(document: bytes, verbs: Mapping[str, Verb], base: str, warnings: list[TwimlError] | None = None) -> Element:
    """The validated `<Response>` of a document. base: the URL it came from. Raises `TwimlError`.

    warnings: gets the faults that Twilio only warns about (12200), which are then ignored. None raises them too.
    """
    if len(document) > MAX_BYTES:
        raise TwimlError(1, f"the document is over {MAX_BYTES // 1024} kB, the most that Twilio accepts.", 11750)
    root = _Parser().read(document)
    if root.name != "Response":
        raise TwimlError(root.line, f"the outermost element is <{root.name}>; it must be <Response>.", 12102)
    _validate(root, verbs, base, warnings)
    return root


class _Parser:
    def __init__(self) -> None:
        self._parser = expat.ParserCreate(namespace_separator=None)
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._open: list[Element] = []
        self._root: Element | None = None

    def read(self, document: bytes) -> Element:
        try:
            self._parser.Parse(document, True)
        except expat.ExpatError as error:
            reason = expat.ErrorString(error.code)
            raise TwimlError(error.lineno, f"this is not XML ({reason}).", 12100) from None
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

    def _text(self, text: str) -> None:
        if self._open:
            self._open[-1].content.append(text)

    def _doctype(self, *_: object) -> None:
        raise TwimlError(self._parser.CurrentLineNumber, "a document type is not allowed in TwiML.", 12100)


def _validate(element: Element, verbs: Mapping[str, Verb], base: str, warnings: list[TwimlError] | None) -> None:
    verb = verbs[element.name]
    _check_attributes(element, verb, warnings)
    _check_urls(element, base)
    for part in element.content:
        if isinstance(part, str):
            if part.strip() and not verb.has_text:
                _warn(warnings, TwimlError(element.line, f"<{element.name}> takes no text{_may_contain(verb)}."))
            continue
        if part.name not in verb.children:
            raise TwimlError(part.line, _misplaced(part.name, element.name, verb, verbs))
        _validate(part, verbs, base, warnings)


def _warn(warnings: list[TwimlError] | None, fault: TwimlError) -> None:
    if warnings is None:
        raise fault
    warnings.append(fault)


def _check_attributes(element: Element, verb: Verb, warnings: list[TwimlError] | None) -> None:
    for name, value in list(element.attributes.items()):
        kind = verb.attributes.get(name)
        if kind is None:
            accepted = f"it takes {', '.join(verb.attributes)}" if verb.attributes else "it takes none"
            _warn(warnings, TwimlError(element.line, f"<{element.name}> has no attribute {name}; {accepted}."))
            del element.attributes[name]
            continue
        if not kind.matches(value):
            raise TwimlError(element.line, f'<{element.name}> {name}="{value}" is not valid; it takes {kind.allowed}.')
    for name in verb.required:
        if name not in element.attributes:
            raise TwimlError(element.line, f"<{element.name}> needs the attribute {name}.")


def _check_urls(element: Element, base: str) -> None:
    if element.name in SPEECH:
        return
    for name in URL_ATTRIBUTES:
        value = element.attributes.get(name)
        if value is not None and not may_request(urljoin(base, value)):
            raise TwimlError(
                element.line,
                f'<{element.name}> {name}="{value}" is not on this machine; '
                "the simulator connects to loopback addresses only.",
                11100,
            )


def _misplaced(name: str, parent: str, verb: Verb, verbs: Mapping[str, Verb]) -> str:
    if name in UNSUPPORTED:
        return f"<{name}> is valid for Twilio, but the simulator does not support it{_may_contain(verb, parent)}."
    if name not in verbs:
        return f"there is no <{name}>{_may_contain(verb, parent)}."
    return f"<{name}> is not allowed in <{parent}>{_may_contain(verb, parent)}."


def _may_contain(verb: Verb, parent: str = "") -> str:
    subject = f"<{parent}>" if parent else "it"
    if not verb.children:
        return f"; {subject} may contain {'text only' if verb.has_text else 'nothing'}"
    return f"; {subject} may contain {', '.join(f'<{child}>' for child in verb.children)}"
