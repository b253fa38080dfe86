"""Opt-outs, confirmations, and menu digits with trimmings, in any letters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.people.inbound.outcome import decide_outcome, parse_text
from tests.support.matching import shipped_matcher

OPT_OUTS = r"""
STOP 12345 | stop pls 🙏 | STOP - Rosa Diaz | STOP to end | stop 🛑 | Stop!!! | alto por favor | STOP, Rosa
Reply STOP | "STOP" | (stop) | stop stop stop | СТОР | СТОП | 𝗦𝗧𝗢𝗣 | 𝐒𝐓𝐎𝐏 | ＳＴＯＰ | ꜱᴛᴏᴘ | 🅂🅃🄾🄿 | 🆂🆃🅾🅿
ⓈⓉⓄⓅ | S.T.O.P.
BAJA | Baja. | SALIR | quitar | darse de baja | dar de baja | baja por favor | CANCELAR SUSCRIPCION
cancelar la suscripción | STOP\n\nSent from my iPhone | STOP\n--\nRosa Diaz | Stop thank you | Alto - Rosa Diaz
unsubscribe please | STOP - Dr. Ana de la Cruz
"""
NOT_OPT_OUTS = r"""
will the texts stop after my visit | please dont leave me alone with this | he takes my phone
my husband wants me to stop worrying | stop by the office | non stop pain | la regla me baja | me baja la regla
baja la hinchazón | salir de la duda | me quiero quitar el bulto | quitar el bulto | la presión me baja
do i have to stop my medicine | the bleeding won't stop | puedo salir de la clínica sola
cancel - Rosa Diaz
"""
CONFIRMATIONS = r"""
C\n\nSent from my iPhone | C to confirm | C - Rosa Diaz | Reply C | 👍 | 👍🏽 | K | ok 👍 | C. | (C) | 'C' | C\n--\nRosa
Yes, thank you | Sí, ahí estaré | c pls | YES - Rosa Diaz | C, Rosa | "C" | С | Estoy en camino | I'm on my way.
✅ | si gracias
C\nEnviado desde mi iPhone | Yes\nGet Outlook for Android | responda C
"""
CHANGES = r"""
R - Rosa Diaz | R\n\nSent from my iPhone | (R) | Reply R | R to change | NO | No. | no thank you
no gracias | R pls
"""
DIGITS = "six | Reply 6 | 6 please | seis | #6 | option 6 | 6. | (6) | 6️⃣ | opción 6 | ６ | número 6 por favor"


def rows(table: str) -> list[str]:
    """The cases of a table; `\\n` is a line break of the text."""
    return [row.strip().replace("\\n", "\n") for line in table.strip().split("\n") for row in line.split(" | ")]


def outcome(body: str, *, asks: bool = False) -> str:
    return decide_outcome(parse_text(shipped_matcher(), body, "", False, None), opted_out=False, reminder_asks=asks)


@pytest.mark.parametrize("body", rows(OPT_OUTS))
def test_an_opt_out_with_trimmings_is_heard(body: str) -> None:
    assert outcome(body) == outcome(body, asks=True) == "stop"


@pytest.mark.parametrize("body", rows(NOT_OPT_OUTS))
def test_a_word_of_an_opt_out_within_a_sentence_does_not_opt_out(body: str) -> None:
    assert outcome(body) != "stop"


@pytest.mark.parametrize("body", rows(CONFIRMATIONS))
def test_a_confirmation_with_trimmings_is_heard(body: str) -> None:
    assert outcome(body, asks=True) == "confirmed"


@pytest.mark.parametrize("body", rows(CHANGES))
def test_a_request_for_another_time_with_trimmings_is_heard(body: str) -> None:
    assert outcome(body, asks=True) == "change"


@pytest.mark.parametrize("body", rows(DIGITS))
def test_a_menu_digit_with_trimmings_is_heard(body: str) -> None:
    assert outcome(body) == "the-visit"


def test_a_no_does_not_reveal_the_language() -> None:
    assert parse_text(shipped_matcher(), "NO", "", False, "en").match.language == "en"


def test_what_looks_like_a_name_may_be_a_red_flag_and_the_opt_out_is_kept() -> None:
    parsed = parse_text(shipped_matcher(), "STOP - Chest Pain", "", False, None)
    assert (decide_outcome(parsed, opted_out=False, reminder_asks=False), parsed.match.also_stop) == ("urgent", True)


INVISIBLE = "\u00ad\u034f\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202e\u2060\u2066\u2069\ufe0f\ufeff"
LETTERS = {"S": "SsѕＳ𝗦", "T": "TtТтＴ𝐓", "O": "OoОоοＯ𝗢", "P": "PpРрρＰ𝐏"}


@given(
    st.tuples(*(st.sampled_from(LETTERS[letter]) for letter in "STOP")),
    st.lists(st.text(INVISIBLE), min_size=5, max_size=5),
)
def test_invisible_characters_and_look_alikes_anywhere_in_stop_still_opt_out(
    letters: tuple[str, ...], between: list[str]
) -> None:
    body = between[0] + "".join(letter + extra for letter, extra in zip(letters, between[1:], strict=True))
    assert outcome(body) == "stop"


OFFERED_WORDS = """
Reply BIOPSY | reply biopsy | responda BIOPSIA | BIOPSY please | More: reply BIOPSY | Más: responda BIOPSIA
Reply with BIOPSY | responda con BIOPSIA | BIOPSY, thank you | Reply with the word BIOPSY
"""


@pytest.mark.parametrize("body", rows(OFFERED_WORDS))
def test_a_reply_word_is_heard_as_the_line_offers_it(body: str) -> None:
    assert outcome(body) == outcome(body, asks=True) == "biopsy"


@pytest.mark.parametrize(
    ("body", "between"),
    [
        ("BIOPSY or MEDS", ("biopsy", "medicines")), ("Reply BIOPSY or MEDS", ("biopsy", "medicines")),
        ("biopsia o medicinas", ("biopsy", "medicines")), ("1 2 3", ("what-they-are", "cancer", "more-pictures")),
        ("1, 2", ("what-they-are", "cancer")), ("3 or 4", ("more-pictures", "next-steps")),
    ],
)  # fmt: skip
def test_several_reply_words_or_numbers_are_asked_back(body: str, between: tuple[str, ...]) -> None:
    match = parse_text(shipped_matcher(), body, "", False, None).match
    assert (match.topic, match.between) == ("ambiguous", between)


def test_more_numbers_than_a_question_holds_get_the_menu() -> None:
    assert outcome("1 2 3 4") == "menu"


@pytest.mark.parametrize("body", ["6 - Chest Pain", "BIOPSY - Chest Pain"])
def test_what_looks_like_a_name_beside_a_choice_may_be_a_red_flag(body: str) -> None:
    assert outcome(body) == "urgent"
