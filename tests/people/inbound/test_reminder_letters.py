"""A C or an R among names, greetings, and other words, while the last reminder asks for one and at other times."""

from __future__ import annotations

import pytest

from ivr.people.inbound.outcome import decide_outcome, parse_text
from tests.people.inbound.test_keywords import rows
from tests.support.matching import shipped_matcher

CONFIRMATIONS = r"""
C Rosa Diaz | C John Smith | C. John Smith | John Smith: C | C for John Smith | C\nJohn Smith\n603-555-0111
I reply C | letter C | la C | Hi, C | Responder C | Respondo con C | C John B. Smith | Soy Rosa Diaz, C
c rosa diaz | C this is John | C. See you Tuesday | C for my appointment | John Smith 01/02/1960: C | Hola, C
"""
CHANGES = r"""
R John Smith | Rosa Diaz: R | la R | Hi, R | R I need another day | R please call me | R lo siento, necesito otro dia
no puedo ir | No puedo ir. | ya no puedo ir | no puedo ir a la cita | no puedo ir el martes | no puedo asistir
no voy a poder ir | i cant come | C NOT COMING | C NO VOY | R my ride canceled
"""
OTHER_LETTERS = r"""
vitamin C | Vitamin C | hepatitis C | Hepatitis C | I have hepatitis C | C section | C-section | plan C | C diff
category C | Entrance C | what is C | C or R | C/R | R breast | r u open | r you open today | This is about C
no puedo ir al baño | c-view | u r ugly | es la c mayúscula? | how r you
"""
# Each with the outcome of what it asks besides.
QUESTIONS = [
    ("C. Can I wear deodorant?", "skin-products"),
    ("C can i bring my kids", "children"),
    ("C, what is a biopsy", "biopsy"),
    ("C - where do I park?", "scheduling"),
    ("C, ¿puedo usar desodorante?", "skin-products"),
    ("R how much does it cost", "cost"),
]
RED_FLAGS = r"""
C chest pain | C Chest Pain | C CHEST PAIN | C Bleeding | C 🆘 | R no puedo respirar | R breast hurts
Hi, C I cant breathe
"""
OPT_OUTS = "C stop texting me | R STOP | STOP C"


def outcome(body: str, *, asks: bool = True, language: str | None = "en") -> str:
    parsed = parse_text(shipped_matcher(), body, "", False, language)
    return decide_outcome(parsed, opted_out=False, reminder_asks=asks)


@pytest.mark.parametrize("body", rows(CONFIRMATIONS))
def test_a_c_beside_a_name_a_greeting_or_other_words_confirms(body: str) -> None:
    assert outcome(body) == "confirmed"


@pytest.mark.parametrize("body", rows(CHANGES))
def test_an_r_beside_other_words_or_words_that_say_so_ask_for_another_time(body: str) -> None:
    assert outcome(body) == "change"


@pytest.mark.parametrize("body", rows(OTHER_LETTERS))
def test_a_letter_that_means_something_else_is_no_answer(body: str) -> None:
    assert outcome(body) not in ("confirmed", "change")


@pytest.mark.parametrize("body", rows(RED_FLAGS))
def test_a_red_flag_beside_a_letter_wins(body: str) -> None:
    assert outcome(body) in ("urgent", "person-soon")


@pytest.mark.parametrize("body", rows(OPT_OUTS))
def test_an_opt_out_beside_a_letter_wins(body: str) -> None:
    assert outcome(body) == "stop"


@pytest.mark.parametrize("body", ["C John Smith", "R please call me", "no puedo ir", "Hi, C"])
def test_without_a_reminder_that_asks_a_letter_among_words_is_no_answer(body: str) -> None:
    assert outcome(body, asks=False) not in ("confirmed", "change")


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("body", ["C Rosa Diaz", "C John Smith", "la C"])
def test_a_name_does_not_change_the_language_of_the_answer(body: str, language: str) -> None:
    parsed = parse_text(shipped_matcher(), body, "", False, language)
    assert parsed.while_asked is not None
    assert parsed.while_asked.match.language == language


@pytest.mark.parametrize("body", ["C2 John Smith", "C 2 John Smith"])
def test_a_number_before_a_name_says_which_appointment(body: str) -> None:
    parsed = parse_text(shipped_matcher(), body, "", False, "en")
    assert parsed.while_asked is not None
    assert parsed.while_asked.reply is not None
    assert parsed.while_asked.reply.which == 2


@pytest.mark.parametrize(("body", "asked"), QUESTIONS)
def test_what_somebody_asks_beside_their_letter_is_known_too(body: str, asked: str) -> None:
    parsed = parse_text(shipped_matcher(), body, "", False, None)
    assert outcome(body, language=None) in ("confirmed", "change")
    assert parsed.while_asked is not None
    assert parsed.while_asked.question is not None
    assert parsed.while_asked.question.topic == asked


@pytest.mark.parametrize("body", rows(CONFIRMATIONS) + rows(CHANGES))
def test_an_answer_to_a_reminder_that_asks_nothing_has_no_question(body: str) -> None:
    parsed = parse_text(shipped_matcher(), body, "", False, "en")
    assert parsed.while_asked is None or parsed.while_asked.question is None
