"""The forms of a page, and what a person types into them."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

# What a person types or chooses in a field of a type that takes no other words.
_TYPED = {"time": "09:41", "date": "2026-12-17", "checkbox": "yes"}
_NOT_TYPED = frozenset({"hidden", "submit", "password", "file"})
Fields = list[tuple[str, str]]


@dataclass
class Form:
    """A form of a page. hidden: its fields that the page has set, and its first button if that has a value.

    typed: the fields for a person, as they are shown. filled: the same with other words and choices.
    """

    action: str
    hidden: Fields = field(default_factory=list)
    typed: Fields = field(default_factory=list)
    filled: Fields = field(default_factory=list)

    @property
    def place(self) -> tuple[str, Fields]:
        """Which form of the page it is, whatever the page has learned since."""
        return self.action, [(name, value) for name, value in self.hidden if name not in ("csrf_token", "version")]


class _Reader(HTMLParser):
    """Reads the forms that are sent by POST, and that are not disabled."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._page, self._form = page, Form("")
        self._name, self._words, self._options, self._chosen = "", "", list[str](), ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = Form(values.get("action") or self._page)
            if values.get("method") == "post":
                self.forms.append(self._form)
        elif (tag == "input" and values.get("type") == "hidden") or self._is_first_button(tag, values):
            self._form.hidden.append((values["name"], values.get("value", "")))
        elif tag == "input" and values.get("type", "text") not in _NOT_TYPED:
            self._input(values)
        elif tag in ("textarea", "select") and "hidden" not in values:
            self._name, self._words, self._options, self._chosen = values.get("name", ""), "", [], ""
        elif tag == "option":
            self._options.append(values["value"])
            self._chosen = values["value"] if "selected" in values else self._chosen

    def _is_first_button(self, tag: str, values: dict[str, str]) -> bool:
        return tag == "button" and "name" in values and values["name"] not in dict(self._form.hidden)

    def _input(self, values: dict[str, str]) -> None:
        kind, shown = values.get("type", "text"), values.get("value", "")
        if kind == "checkbox" and "checked" not in values:
            shown = ""
        self._add(values["name"], shown, _TYPED.get(kind, f"{shown} kept".strip()))

    def _add(self, name: str, shown: str, filled: str) -> None:
        self._form.typed.append((name, shown))
        self._form.filled.append((name, filled))

    def handle_data(self, data: str) -> None:
        self._words += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self._name:
            words = self._words.removeprefix("\n")
            self._add(self._name, words, f"{words} kept".strip())
            self._name = ""
        elif tag == "select":
            shown = self._chosen or self._options[0]
            self._add(self._name, shown, next(option for option in reversed(self._options) if option != shown))
        elif tag == "form":
            self._form = Form("")


def forms_of(page: str, html: str) -> list[Form]:
    """The forms of a page with something to type or to choose. page: its path, to which a form without one is sent."""
    reader = _Reader(page)
    reader.feed(html)
    return [form for form in reader.forms if form.typed]
