"""Reactions, quotes, signatures and automatic replies are separated from what the sender wrote."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.line.content.loader import read_content
from ivr.line.text.own_words import OwnWords, own_words
from ivr.people.inbound.outcome import decide_outcome, parse_text
from tests.line.content.test_loader import SHIPPED
from tests.support.matching import shipped_matcher

CONTENT = read_content(SHIPPED)
REMINDERS = [
    prompt.section("texted").words
    if hasattr(prompt, "section")
    else "\n".join(part.words for part in prompt.sections())
    for prompt in CONTENT.prompts.values()
    if prompt.name.startswith("reminder-") or prompt.name in ("first-text", "start")
]
FORMS = [
    "Liked “{}”", "Loved “{}”", 'Disliked "{}"', "Laughed at “{}”", "Emphasized “{}”", "Emphasised “{}”",
    "Questioned “{}”", "You liked “{}”", "Removed a heart from “{}”", "Removed a like from “{}”",
    "Removed an exclamation from “{}”", "Reacted 👍 to “{}”", "Reacted with ❤️ to “{}”", "Le gustó “{}”",
    "Le encantó «{}»", "No le gustó “{}”", "Se rió de “{}”", "Enfatizó “{}”", "Exclamó “{}”", "Cuestionó “{}”",
    "Reaccionó con 👍 a “{}”", "Quitó un corazón de “{}”", "Eliminó el me gusta de “{}”", "👍 to “{}”", "❤️ a “{}”",
    " 👍 to “ {} ” ", "Ha reaccionado con 👍 a «{}»", "Reaccionaste con ❤️ a «{}»", "Me gusta “{}”", "No me gusta «{}»",
    "Me encanta “{}”", "a heart to “{}”", "A thumbs up to “{}”", "un corazón a «{}»",
    "Rosa liked “{}”", "Rosa Diaz loved “{}”", "A Rosa le gustó “{}”", "A Rosa Diaz le encantó «{}»",
    "Rosa reaccionó con 👍 a “{}”", "Rosa removed a heart from “{}”", "Eliminó “Me gusta” de “{}”",
]  # fmt: skip


# The first example waits for the model.
@settings(deadline=None)
@given(st.sampled_from(REMINDERS), st.sampled_from(FORMS), st.booleans(), st.booleans())
def test_a_reaction_to_any_of_our_texts_changes_nothing(words: str, form: str, opted_out: bool, asks: bool) -> None:
    parsed = parse_text(shipped_matcher(), form.format(words), "", False, None)
    assert decide_outcome(parsed, opted_out=opted_out, reminder_asks=asks) == "automatic"


@given(st.sampled_from(REMINDERS))
def test_a_quote_of_any_of_our_texts_changes_nothing(words: str) -> None:
    quoted = "\n".join(f"> {line}" for line in words.split("\n"))
    assert own_words(quoted).is_automatic
    assert own_words(f"{quoted}\nC") == OwnWords("C")


QUOTED = """
C\\n-----Original Message-----\\nFrom: Elliot\\nReply STOP to end
C\\n-----Mensaje original-----\\nDe: Elliot\\nResponda STOP
C\\n\\nBegin forwarded message:\\nReply STOP to end
C\\n\\nInicio del mensaje reenviado:\\nResponda STOP
C\\n---------- Mensaje reenviado ----------\\nDe: Elliot\\nResponda STOP
C\\n________________________________\\nFrom: Elliot <line@example.org>\\nReply STOP to end
C\\nFrom: Elliot\\nSent: Tuesday\\nReply STOP to end
C\\nDe: Elliot\\nEnviado: martes\\nResponda STOP
C\\nOn Tue, Dec 1, 2026 at 10:00 AM Elliot Health System <line@example.org>\\nwrote:\\nReply STOP to end
C\\nOn Tue, Dec 1, 2026 at 10:00 AM Breast Health Center at Elliot <a-long-address@example.org> wrote:\\nReply STOP
C\\nEl mar, 1 dic 2026 a las 10:00, Elliot\\n<linea@example.org> escribió:\\nResponda STOP
On Tue, Dec 1 Elliot wrote:\\n> Reply STOP to end\\nC
"""
AUTOMATIC = """
I’m driving with Do Not Disturb While Driving turned on. | I'm driving right now. I'll get back to you later.
(I’m not receiving notifications. If this is urgent, reply “urgent” to send a notification through.)
I am currently out of the office. In an emergency call 911. | Automatic reply: I will be back Monday
This mailbox is not monitored. | The number cannot receive messages | Reply START to resubscribe
Estoy fuera de la oficina | Este es un mensaje automático | Este número no acepta mensajes
Gracias por su mensaje. Le responderemos en nuestro horario. | Estoy de vacaciones hasta el 14
Sorry, I can't talk right now. | Can’t talk now. What’s up? | I'm driving. Will text you later. | In a meeting.
I'll call you later. | OOO until Monday | We're sorry, this number is no longer in service
Lo siento, no puedo hablar ahora. | No puedo hablar ahora. | Lo siento, este número ya no está en servicio.
Text HELP for help or STOP to cancel | Reply STOP to cancel, HELP for help
Ha sido dado de baja. Responda START para volver. | You have been unsubscribed. Reply START to rejoin.
"""
FROM_PERSONS = """
I'm driving and my chest hurts | how do i get out of the office building
I'm out of the office until noon, can I come at 1?
I liked the nurse | loved it | he stopped breathing | i am on vacation that week | STOP | C
I'm driving my mom there, where do we park
Me gustó la enfermera | no me gusta esto | estoy en camino
I can't talk | I can't talk, I can't breathe | No puedo hablar ahora, no puedo respirar | OOO until Monday, chest pain
I'm in a meeting, can I come at 1? | I'll call you later. My breast is bleeding | She liked “the nurse”
On my form I wrote: chest pain | should i reply c to confirm or text stop to end
"""


def rows(table: str) -> list[str]:
    return [row.strip() for line in table.strip().splitlines() for row in line.split(" | ")]


@pytest.mark.parametrize("body", rows(AUTOMATIC))
def test_an_automatic_reply_is_recognized(body: str) -> None:
    parsed = parse_text(shipped_matcher(), body, "", False, None)
    assert decide_outcome(parsed, opted_out=False, reminder_asks=True) == "automatic"


@pytest.mark.parametrize("body", rows(FROM_PERSONS))
def test_what_a_person_writes_is_kept(body: str) -> None:
    assert own_words(body) == OwnWords(body)


def test_a_red_flag_next_to_an_automatic_reply_is_answered() -> None:
    body = "I am out of the office. My chest hurts and I can't breathe."
    parsed = parse_text(shipped_matcher(), body, "", False, None)
    assert decide_outcome(parsed, opted_out=False, reminder_asks=False) == "urgent"


@pytest.mark.parametrize("body", rows(QUOTED))
def test_an_answer_above_or_below_a_quoted_message_is_the_senders(body: str) -> None:
    assert own_words(body.replace("\\n", "\n")) == OwnWords("C")


@pytest.mark.parametrize("language", CONTENT.config.languages)
@pytest.mark.parametrize("form", ["{} C", "{}\nC", "C {}", "C\n{}"])
def test_an_answer_beside_a_copy_of_the_reminder_is_heard(form: str, language: str) -> None:
    values = {"hospital": "Elliot", "date": "Tue Dec 15", "time": "9:30 AM", "number": "603-663-2180"}
    body = form.format(CONTENT.texted(language, "reminder-2d", **values))
    parsed = parse_text(shipped_matcher(), body, "", False, language)
    assert decide_outcome(parsed, opted_out=False, reminder_asks=True) == "confirmed"


def test_a_red_flag_below_a_quote_without_marks_is_answered() -> None:
    body = "-----Original Message-----\nReply STOP to end.\n\nI have chest pain"
    parsed = parse_text(shipped_matcher(), body, "", False, None)
    assert decide_outcome(parsed, opted_out=False, reminder_asks=True) == "urgent"
