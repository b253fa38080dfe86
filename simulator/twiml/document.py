"""Parses TwiML into elements with line numbers, and validates each against the grammar.

Document types and entities are rejected. At most 64 kB: https://www.twilio.com/docs/api/errors/11750
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urljoin
from xml.parsers import expat

from simulator.loopback import may_request, resolve
from simulator.twiml.codes import ERRORS, INVALID_URL, SCHEMA, misplaced, wrong_value
from simulator.twiml.grammar import SPEECH, TEXT_VERBS, UNSUPPORTED, URL_ATTRIBUTES, VOICE_VERBS, Verb
from simulator.webhook import MAX_BYTES

# Far more than any valid document has; each level costs a level of the interpreter's stack.
MAX_DEPTH = 100


class TwimlError(Exception):
    """An invalid document. The message names the line, the element and what is allowed; `code` is Twilio's."""

    def __init__(self, line: int, sentence: str, code: int = SCHEMA) -> None:
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

    warnings: gets the faults that Twilio only warns about. What is at fault is left out, so that Twilio's default
    applies. None raises them too.
    """
    if len(document) > MAX_BYTES:
        raise TwimlError(1, f"the document is over {MAX_BYTES // 1024} kB, the most that Twilio accepts.", 11750)
    root = _Parser().read(document)
    if root.name != "Response":
        raise TwimlError(root.line, f"the outermost element is <{root.name}>; it must be <Response>.", 12102)
    _Validator(verbs, base, warnings).check(root)
    return root


def url_of(element: Element, base: str, *, requested: bool = True) -> str:
    """The URL that an element has as its text. requested: by Twilio, now. Raises TwimlError 11100."""
    url = resolve(base, element.text)
    if url is None:
        raise TwimlError(element.line, f"<{element.name}> {element.text!r} is not a URL.", INVALID_URL)
    if requested and not may_request(url):
        raise TwimlError(element.line, f"<{element.name}> {element.text!r} is not on this machine.", INVALID_URL)
    return url


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
        if len(self._open) >= MAX_DEPTH:
            raise TwimlError(element.line, f"the elements are nested more than {MAX_DEPTH} deep.", 12100)
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


@dataclass(frozen=True)
class _Validator:
    """Checks the elements of one document, and leaves out what Twilio only warns about."""

    verbs: Mapping[str, Verb]
    base: str
    warnings: list[TwimlError] | None

    @property
    def for_text(self) -> bool:
        return self.verbs is TEXT_VERBS

    def check(self, element: Element, parent: str = "") -> None:
        verb = self.verbs[element.name]
        self._check_attributes(element, verb, parent)
        self._check_urls(element)
        element.content = [part for part in element.content if self._is_allowed(part, element, verb)]
        for child in element.children:
            self.check(child, element.name)

    def _fault(self, line: int, sentence: str, code: int = SCHEMA) -> None:
        fault = TwimlError(line, sentence, code)
        if self.warnings is None or code in ERRORS:
            raise fault
        self.warnings.append(fault)

    def _is_allowed(self, part: str | Element, parent: Element, verb: Verb) -> bool:
        """Whether an element may contain a text or an element; if not, it is reported."""
        if isinstance(part, str):
            if part.strip() and not verb.has_text:
                self._fault(parent.line, f"<{parent.name}> takes no text{_may_contain(verb)}.")
            return verb.has_text
        if part.name in verb.children:
            return True
        sentence = _misplaced(part.name, parent.name, verb, self.verbs)
        if part.name in UNSUPPORTED:
            raise TwimlError(part.line, sentence)
        is_voice_verb = self.for_text and part.name in VOICE_VERBS["Response"].children
        self._fault(part.line, sentence, misplaced(parent.name, is_voice_verb=is_voice_verb))
        return False

    def _check_attributes(self, element: Element, verb: Verb, parent: str) -> None:
        for name, value in list(element.attributes.items()):
            kind = verb.attributes.get(name)
            if kind is not None and kind.matches(value):
                continue
            del element.attributes[name]
            if kind is None:
                accepted = f"it takes {', '.join(verb.attributes)}" if verb.attributes else "it takes none"
                self._fault(element.line, f"<{element.name}> has no attribute {name}; {accepted}.")
                continue
            self._fault(
                element.line,
                f'<{element.name}> {name}="{value}" is not valid; it takes {kind.allowed}.',
                wrong_value(element.name, name, parent, for_text=self.for_text),
            )
        for name in verb.required:
            if name not in element.attributes:
                self._fault(element.line, f"<{element.name}> needs the attribute {name}.")

    def _check_urls(self, element: Element) -> None:
        if element.name in SPEECH:
            return
        for name in URL_ATTRIBUTES:
            value = element.attributes.get(name)
            if value is not None and not may_request(urljoin(self.base, value)):
                raise TwimlError(
                    element.line,
                    f'<{element.name}> {name}="{value}" is not on this machine; '
                    "the simulator connects to loopback addresses only.",
                    INVALID_URL,
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
