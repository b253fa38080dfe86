"""The catalogs of the pages: each has every sentence of the code, translated, with the same fields."""

from __future__ import annotations

import ast
import re
import subprocess
import sys

import pytest
from babel.messages import Catalog, Message
from babel.messages.pofile import read_po
from jinja2 import Environment

from ivr.shipped import ROOT
from ivr.web.console.language import FOLDER, LANGUAGES, catalog_path, read_catalog

TRANSLATED = sorted(set(LANGUAGES) - {"en"})
FIELD = re.compile(r"%\(\w+\)[sd]|\{\w+\}")
CONSOLE = ROOT / "ivr/web/console"
ADVICE = "Run `make catalog`, and translate the empty sentences of {}."
ENTITY = re.compile(r"&#?\w+;")


@pytest.fixture(scope="module")
def extracted(tmp_path_factory) -> Catalog:
    """The sentences of the code, as `make catalog` finds them."""
    path = tmp_path_factory.mktemp("catalog") / "messages.pot"
    command = [
        sys.executable,
        "-m",
        "babel.messages.frontend",
        "--quiet",
        "extract",
        "--mapping-file",
        "pyproject.toml",
    ]
    subprocess.run([*command, "--keywords", "lazy_gettext", "--output-file", path, "."], cwd=ROOT, check=True)
    return read_po(path.open("rb"))


def stored(language: str) -> Catalog:
    with catalog_path(language).open("rb") as file:
        return read_po(file, language, abort_invalid=True)


def messages(catalog: Catalog) -> dict[object, Message]:
    return {(message.context, message.id): message for message in catalog if message.id}


def forms(value: str | tuple[str, ...] | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def test_each_language_of_the_pages_has_a_catalog():
    assert sorted(path.name for path in FOLDER.iterdir() if path.is_dir()) == TRANSLATED


@pytest.mark.parametrize("language", TRANSLATED)
def test_the_catalog_has_exactly_the_sentences_of_the_code(language, extracted):
    code, catalog = messages(extracted), messages(stored(language))
    assert len(code) > 1000
    assert code.keys() - catalog.keys() == set(), ADVICE.format(catalog_path(language))
    assert catalog.keys() - code.keys() == set(), ADVICE.format(catalog_path(language))


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_sentence_is_translated(language):
    catalog = stored(language)
    wanted = catalog.num_plurals
    unfinished = [
        message.id
        for message in messages(catalog).values()
        if message.fuzzy or not all(forms(message.string)) or (message.pluralizable and len(message.string) != wanted)
    ]
    assert unfinished == [], ADVICE.format(catalog_path(language))


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_has_the_fields_of_its_sentence(language):
    for message in messages(stored(language)).values():
        ids = forms(message.id)
        for index, string in enumerate(forms(message.string)):
            english = ids[min(index, len(ids) - 1)]
            assert sorted(FIELD.findall(string)) == sorted(FIELD.findall(english)), english


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_ends_and_is_spaced_like_its_sentence(language):
    for message in messages(stored(language)).values():
        english, string = forms(message.id)[0], forms(message.string)[0]
        assert string == string.strip(), english
        assert "  " not in string, english
        for end in (".", ":", "…"):
            assert string.endswith(end) == english.endswith(end), (english, string)


def test_spanish_addresses_the_reader_as_usted():
    familiar = re.compile(r"\b(tú|tus?|ti|contigo|puedes|tienes|quieres|eres|estás|hiciste)\b", re.I)
    found = [
        (message.id, match[0])
        for message in messages(stored("es")).values()
        for string in forms(message.string)
        if (match := familiar.search(string))
    ]
    assert found == []


def test_the_plurals_of_spanish_follow_the_number():
    catalog = read_catalog("es")
    words = [catalog.ungettext("%(num)s day", "%(num)s days", number) for number in (0, 1, 2, 21, 1_000_000)]
    assert words == ["%(num)s días", "%(num)s día", "%(num)s días", "%(num)s días", "%(num)s días"]


@pytest.mark.parametrize("path", sorted(CONSOLE.rglob("*.html")), ids=lambda path: path.name)
def test_a_template_has_no_words_outside_of_sentences(path):
    """Tags, with the attributes that people see, and the text between them."""
    tokens = Environment(autoescape=True).lex(path.read_text())
    page = "".join(value if kind == "data" else "\x00" for _, kind, value in tokens)
    page = re.sub(r"<!--.*?-->|<(script|style|svg|code)\b.*?</\1>", "", page, flags=re.DOTALL)
    shown = re.findall(r'\b(?:title|alt|placeholder|aria-label|data-(?:busy|label))="([^"]*)"', page)
    shown.append(re.sub(r"<[^>]*>", " ", page))
    words = re.findall(r"[^\W\d_]{2,}", ENTITY.sub(" ", " ".join(shown)))
    assert words == []


SHOWN_BY = {"flash", "Refused"}


@pytest.mark.parametrize("path", sorted(CONSOLE.rglob("*.py")), ids=lambda path: str(path.relative_to(CONSOLE)))
def test_no_message_is_written_into_the_code_in_one_language(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in SHOWN_BY and node.args:
            assert not isinstance(node.args[0], ast.Constant | ast.JoinedStr), (path, node.lineno)
