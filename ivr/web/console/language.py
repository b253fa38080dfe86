"""The language of the pages: which one, and its catalog of sentences.

A catalog is read from its .po file, when the first page in that language is asked for: no compiled copy can be missing
or out of date.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from flask import Flask, g, request, session
from flask_babel import Babel, Domain, get_domain, get_locale
from markupsafe import Markup
from werkzeug.local import LocalProxy
from werkzeug.utils import cached_property

LANGUAGES = {"en": "English", "es": "Español"}
"""The languages of the pages, each by its own name. Sentences in the code are English."""
FOLDER = Path(__file__).with_name("translations")
CHOSEN = "language"
"""The key of the session and of the URL for what somebody chooses before they have signed in."""


class Catalogs(Domain):  # type: ignore[misc]
    """The sentences of each language."""

    def __init__(self) -> None:
        super().__init__([str(FOLDER)])

    cache: dict[str, NullTranslations]

    def get_translations(self) -> NullTranslations:
        """Those of the language of the page; English outside a request."""
        locale = get_locale()
        name = locale.language if locale is not None else "en"
        if name not in self.cache:
            self.cache[name] = read_catalog(name)
        return self.cache[name]


class _PoBabel(Babel):  # type: ignore[misc]
    @cached_property
    def domain_instance(self) -> Catalogs:
        return Catalogs()


def read_catalog(name: str) -> NullTranslations:
    """The sentences of a language, ready to look up."""
    path = catalog_path(name)
    if not path.exists():
        return NullTranslations()
    compiled = BytesIO()
    with path.open("rb") as file:
        write_mo(compiled, read_po(file, name))
    compiled.seek(0)
    return Translations(compiled)


def catalog_path(name: str) -> Path:
    return FOLDER / name / "LC_MESSAGES" / "messages.po"


def install(app: Flask) -> None:
    """Choose the language of each page."""
    _PoBabel(app, locale_selector=_locale, timezone_selector=lambda: None)
    # Of a page with a table, Jinja's and Flask-Babel's own calls around each sentence are a quarter of the time.
    app.jinja_env.globals["_"] = _sentence

    @app.before_request
    def remember() -> None:
        if g.get("staff_user") is None and request.args.get(CHOSEN) in LANGUAGES:
            session[CHOSEN] = request.args[CHOSEN]

    @app.context_processor
    def values() -> dict[str, Any]:
        return {"page_language": language(), "language_links": _links}


def language() -> str:
    """The language of the page: of the signed-in user; before that, as chosen, or else of the browser."""
    user = g.get("staff_user")
    for name in (user.language if user is not None else None, session.get(CHOSEN)):
        if name in LANGUAGES:
            return str(name)
    # In the browser's order: Werkzeug's best_match would take es before en-US.
    accepted = (tag.partition("-")[0].lower() for tag in request.accept_languages.values())
    return next((name for name in accepted if name in LANGUAGES), "en")


def _sentence(message: str, /, **variables: object) -> Markup:
    """A sentence of a template, in the language of the page, with its variables escaped."""
    # Looked up once a page: a table asks for hundreds of sentences.
    page = cast("LocalProxy[Any]", g)._get_current_object()
    try:
        catalog = page.sentences
    except AttributeError:
        catalog = page.sentences = get_domain().get_translations()
    return Markup(catalog.gettext(message)) % variables  # noqa: S704 - from our templates


def _locale() -> str:
    # Dates and numbers as they are written in the United States.
    return f"{language()}_US"


def _links() -> list[tuple[str, str, str]]:
    """The page in each other language: code, name, URL. For pages that need no sign-in."""
    args = request.args.to_dict()
    return [
        (code, name, "?" + urlencode({**args, CHOSEN: code})) for code, name in LANGUAGES.items() if code != language()
    ]
