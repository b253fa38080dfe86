"""The lint rule for words whose meaning changes when a text message drops their accents."""

from __future__ import annotations

import pytest

from ivr.line.content.findings import Finding
from ivr.line.content.loader import LINE_FILE, read_content
from ivr.line.lint.accent_rules import check_accents, check_names, find_changed_words
from ivr.line.lint.runner import check_files
from tests.line.content.test_loader import SHIPPED, changed, line_of
from tests.line.lint.test_runner import skip_the_graph

STOP, CLOSED = "es/stop.md", "es/closed.md"

REFUSED = [
    ("yes becomes if", "Su médico sí puede decirle.", "sí"),
    ("the same word in capitals", "SÍ, puede venir.", "SÍ"),
    ("you becomes your", "Eso lo decides tú.", "tú"),
    ("me becomes my", "Escríbame a mí.", "mí"),
    ("more becomes but", "Para saber más, responda 2.", "más"),
    ("is becomes this", "La oficina está cerrada.", "está"),
    ("are becomes these", "Aquí estás segura.", "estás"),
    ("mom becomes breast", "Pregunte a su mamá.", "mamá"),
    ("dad becomes potato", "Pregunte a su papá.", "papá"),
    ("how, as an indirect question", "Le decimos cómo prepararse.", "cómo"),
    ("when, as an indirect question", "No se sabe cuándo.", "cuándo"),
    ("where, as an indirect question", "Pregunte dónde queda.", "dónde"),
    ("how many, as an indirect question", "Depende de cuántos son.", "cuántos"),
    ("which, outside the question marks", "¿Quiere venir? Diga cuál.", "cuál"),
    ("he called becomes I call", "Su médico llamó ayer.", "llamó"),
    ("he spoke becomes I speak", "Alguien habló con usted.", "habló"),
    ("it changed becomes I change", "La hora cambió.", "cambió"),
    ("it showed becomes I show", "La biopsia mostró algo.", "mostró"),
    ("they found becomes I find", "El médico encontró algo.", "encontró"),
    ("they will call becomes they might call", "Le llamarán hoy.", "llamarán"),
    ("a yes within a question", "¿Dijo que sí?", "sí"),
]
PASSES = [
    ("a question word between question marks", "¿Cómo se prepara? ¿Cuándo es?"),
    ("a question over two lines", "¿Sabe usted\ncómo llegar?"),
    ("é, which is sent as it is", "Él dice que té, sé, dé y qué no cambian; esté tranquila."),
    ("a word that stays clear", "Esta línea no da médicos, números ni imágenes."),
    ("the words without accents", "Si puede, venga a esta cita; mi número, tu cita, como siempre."),
    ("a longer word that contains one", "Asímismo, tampoco, demás y además."),
    ("nothing", ""),
]


@pytest.mark.parametrize(("label", "text", "word"), REFUSED, ids=[case[0] for case in REFUSED])
def test_a_word_that_depends_on_its_accent_is_refused(label: str, text: str, word: str) -> None:
    assert [found for _, found, _ in find_changed_words(text, "es")] == [word]


@pytest.mark.parametrize(("label", "text"), PASSES, ids=[case[0] for case in PASSES])
def test_words_that_stay_clear_without_accents_pass(label: str, text: str) -> None:
    assert find_changed_words(text, "es") == []


def test_a_language_without_a_table_has_no_such_words() -> None:
    assert find_changed_words("Su médico sí puede.", "en") == []


def findings(files: dict[str, bytes]) -> set[Finding]:
    content = read_content(files)
    return {finding for prompt in content.prompts.values() for finding in check_accents(content, prompt)}


def test_the_shipped_prompts_have_no_such_words() -> None:
    assert findings(SHIPPED) == set()


def test_the_finding_names_the_line_and_what_patients_would_read() -> None:
    files = changed(STOP, "## Texted\n", "## Texted\n\nGracias.\nSu médico sí puede.")
    (finding,) = findings(files)
    assert (finding.file, finding.line, finding.rule) == (STOP, line_of(files, STOP, "sí puede"), "accent")
    assert "`sí` is sent as `si` (if)" in finding.message


def test_a_text_that_keeps_its_accents_may_use_them() -> None:
    files = changed(STOP, "## Texted\n", "## Texted\n\nSu médico sí puede.")
    files[STOP] = files[STOP].replace(b"sources:", b"accents: keep\nsources:", 1)
    assert findings(files) == set()


def test_words_that_are_only_spoken_may_depend_on_accents() -> None:
    assert findings(changed(CLOSED, "## Spoken\n", "## Spoken\n\nSu médico sí puede.")) == set()


def test_a_title_in_the_text_menu_is_checked_too() -> None:
    title = read_content(SHIPPED).prompt("es", "the-visit").title
    files = changed("es/the-visit.md", f"title: {title}", "title: Para saber más")
    assert {(finding.file, finding.line) for finding in findings(files)} == {("es/the-visit.md", 2)}
    assert findings(changed("es/welcome.md", "title: Menú principal", "title: Para saber más")) == set()


NAMES = [
    ("a site", "    name: {en: Elliot Hospital, es: Elliot Hospital}", "    name: {en: A, es: Clínica Más Salud}"),
    ("the hospital", "  es: Elliot Health System", "  es: Salud y Más"),
]


@pytest.mark.parametrize(("label", "before", "after"), NAMES, ids=[case[0] for case in NAMES])
def test_a_name_that_text_messages_contain_is_checked_too(label: str, before: str, after: str) -> None:
    files = changed(LINE_FILE, before, after)
    (finding,) = check_names(read_content(files))
    assert (finding.file, finding.line, finding.rule) == (LINE_FILE, line_of(files, LINE_FILE, after), "accent")
    assert "`Más` is sent as `Mas` (but)" in finding.message


def test_the_name_of_an_office_is_only_spoken_and_may_depend_on_accents() -> None:
    files = changed(LINE_FILE, "es: la oficina de citas (Central Scheduling)", "es: la oficina que está abajo")
    assert list(check_names(read_content(files))) == []


def test_a_prompts_folder_with_such_a_word_is_not_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    skip_the_graph(monkeypatch)
    files = changed(STOP, "## Texted\n", "## Texted\n\nSu médico sí puede.")
    files[LINE_FILE] = changed(LINE_FILE, *NAMES[1][1:])[LINE_FILE]
    assert {finding.file for finding in check_files(files).about("accent")} == {STOP, LINE_FILE}
