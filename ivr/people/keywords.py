"""Texts that are a keyword: one that the carrier answers by default, or a reply to a reminder."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from ivr.line.locales.locale import all_locales, word_set
from ivr.line.text.normalize import is_invisible, normalize

Keyword = Literal["stop", "start", "help"]
ReminderAnswer = Literal["confirmed", "change"]

_NUMBERED = re.compile("([cr]) ?([1-9])")
# https://help.twilio.com/articles/223134027
CARRIER_WORDS: dict[str, Keyword] = {
    **dict.fromkeys(("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "OPTOUT", "REVOKE"), "stop"),
    **dict.fromkeys(("START", "YES", "UNSTOP"), "start"),
    **dict.fromkeys(("HELP", "INFO"), "help"),
}
_LOCALES = tuple(all_locales().values())
# A bare yes: its meaning depends on the last text to this number.
YES = frozenset((*(reply for locale in _LOCALES for reply in locale.yes), "k", "kk", "cc"))
# Of these, what asks for texts again from a sender who has opted out. "ok" only acknowledges the confirmation.
YES_TO_TEXTS = frozenset(("yes", "y", "yes please", "si", "si por favor"))
# A bare no: it asks for another time if the last text was a reminder.
NO = frozenset(("no", "n", "nope", "nah", "no thanks", "no thank you", "no gracias", "rr"))
# Words that opt out alone, or with trimmings such as a name. The carrier knows only some of them. CANCEL is missing,
# because "cancel - Rosa Diaz" may mean the appointment; "ctop" and "cton" are STOP in Cyrillic letters.
OPT_OUTS = frozenset(
    (
        "stop", "ctop", "cton", "stopall", "stop all", "unsubscribe", "optout", "opt out", "revoke",
        "alto", "fin", "baja", "salir", "quitar", "parar", "pare", "paren", "darse de baja", "dar de baja",
        "darme de baja", "deme de baja", "denme de baja", "cancelar suscripcion", "cancelar la suscripcion",
        "cancelar mi suscripcion",
    )
)  # fmt: skip
_NUMBERS = {
    "en": ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    "es": ("uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve"),
}
_NUMBER_WORDS = {
    word: (str(number), language) for language, words in _NUMBERS.items() for number, word in enumerate(words, 1)
}
# What may come before a number of the menu: "I pick 3", "la seis".
_BEFORE_NUMBERS = {
    "en": word_set("reply replying text texting press option number i ill id pick choose want take like the give me"),
    "es": word_set("responda respondo marque oprima opcion numero quiero elijo escojo prefiero deme dame el la"),
}
_BETWEEN_NUMBERS = {"en": word_set("or and"), "es": word_set("o y u")}
# "More: reply BIOPSY", as the line offers its reply words.
_OFFERED = re.compile(
    r"^(?:(?:more|mas) (?=reply|text|responda))?(?:(?:reply|text|send|responda|respondo|responder|envie|mande) )*"
    r"(?:with |con )?(?:(?:the word|la palabra) )?"
)
_BETWEEN_WORDS = re.compile(r" (?:or|and|o|y|u) ")
_ON_THE_WAY = (
    "im on my way", "i am on my way", "on my way", "omw", "were on our way", "we are on our way", "on our way",
    "estoy en camino", "voy en camino", "ya voy en camino", "estamos en camino", "vamos en camino",
)  # fmt: skip
REMINDER_REPLIES: dict[str, ReminderAnswer] = {
    **dict.fromkeys(_ON_THE_WAY, "confirmed"),
    **{reply: "confirmed" for locale in _LOCALES for reply in ("c", *locale.confirm_replies)},
    **{reply: "change" for locale in _LOCALES for reply in ("r", *locale.change_replies)},
}
_COURTESY = frozenset(word for locale in _LOCALES for word in locale.courtesy_words)
_COURTESIES = _COURTESY | {"pls", "plz", "ty", "thx", "porfa", "porfavor", "sir", "maam"}
# A thumb or a check mark alone is a yes.
_YES_SYMBOLS = re.compile("[👍👌✅✔☑]")
_ASKED_TO = re.compile(r"(?:(?:reply|replying|text|texting|press|option|number|responda|respondo|opcion|numero) )+")
_ASKED_FOR = re.compile(
    r" (?:to (?:confirm|change|end|stop|quit|cancel|opt out|unsubscribe)|(?:para|a) (?:confirmar|cambiar))"
)
# A name after a dash, a comma or a line break, as in "C - Rosa Diaz": capitalized words.
_NAME = re.compile(r"\s*(?:[-–—~,]|\n)\s*(?:[A-ZÁÉÍÓÚÑ][\w'’.]*(?:\s+(?:de|la|del|los|y))*(?:\s+|$)){1,4}\s*$")


def carrier_keyword(body: str, opt_out_type: str = "") -> Keyword | None:
    """Return the keyword if it is the whole text, in any case. opt_out_type: the carrier's own reading."""
    return CARRIER_WORDS.get((opt_out_type or body).strip().upper())


@dataclass(frozen=True)
class ReminderReply:
    """A reply to a reminder. answer: None for a bare yes or no. which: the number of the appointment, from 1.

    opts_in: whether it asks for texts again from a sender who has opted out.
    """

    answer: ReminderAnswer | None
    which: int | None = None
    is_no: bool = False
    opts_in: bool = False


def signed_name(body: str) -> str:
    """The capitalized words after a dash, a comma or a line break; empty if there are none."""
    found = _NAME.search(body)
    return found[0] if found else ""


def short_reply(body: str) -> str:
    """The normalized text without a name, courtesies, and our own words: "Reply C", "C - Rosa" and "(c)" become "c"."""
    words = normalize(_NAME.sub("", body))
    if not words and _YES_SYMBOLS.search(body):
        return "ok"
    words = _ASKED_FOR.sub("", f"{words} ").strip() if words.count(" ") <= 4 else words
    introduction = _ASKED_TO.match(words)
    words = words[introduction.end() :] if introduction and introduction.end() < len(words) else words
    return " ".join(word for word in words.split() if word not in _COURTESIES) or words


def is_opt_out(reply: str) -> bool:
    """Whether a short reply opts out: one of OPT_OUTS, repeated or followed by digits too, as in "stop 12345"."""
    words = re.sub(r"(?: \d+)+$", "", reply)
    return words in OPT_OUTS or (" " in words and set(words.split()) <= {"stop"})


def reply_words(short: str) -> list[str]:
    """What may be reply words of answers in a short reply: "more reply biopsy", "biopsy or meds"."""
    return _BETWEEN_WORDS.split(_OFFERED.sub("", short))


@dataclass(frozen=True)
class MenuChoice:
    """The numbers of the menu that a text consists of. language: that of its words; None without any, or of both."""

    digits: tuple[str, ...]
    language: str | None


def menu_choice(body: str) -> MenuChoice | None:
    """The choice, if a text is one: "6", "la seis", "I pick 3", "3 or 4", "1 2 3"."""
    words = [word for word in normalize(_NAME.sub("", body)).split() if word not in _COURTESIES]
    first = next((place for place, word in enumerate(words) if _is_number(word)), len(words))
    numbers = [word for word in words[first:] if _is_number(word)]
    between = [word for word in words[first:] if not _is_number(word)]
    languages = {_NUMBER_WORDS[word][1] for word in numbers if word in _NUMBER_WORDS}
    for others, allowed in ((words[:first], _BEFORE_NUMBERS), (between, _BETWEEN_NUMBERS)):
        for word in others:
            of_word = {language for language, known in allowed.items() if word in known}
            if not of_word:
                return None
            languages |= of_word
    if not numbers or len(between) >= len(numbers) or not _is_number(words[-1]):
        return None
    digits = tuple(dict.fromkeys(_NUMBER_WORDS.get(word, (word,))[0] for word in numbers))
    return MenuChoice(digits, languages.pop() if len(languages) == 1 else None)


def _is_number(word: str) -> bool:
    return word in _NUMBER_WORDS or (len(word) == 1 and word.isdigit())


def is_bare_emoji(body: str) -> bool:
    """Whether a text is nothing but emoji, which say as little as a reaction does."""
    shown = [unicodedata.category(character) for character in body if not is_invisible(character)]
    return "So" in shown and set(shown) <= {"So", "Sk", "Zs", "Cc"} and not normalize(body)


def parse_reminder_reply(normalized: str) -> ReminderReply | None:
    """Return the reply if it is the whole normalized text, apart from courtesies: "c thank you", "c2", "ok"."""
    reply = " ".join(word for word in normalized.split() if word not in _COURTESY)
    numbered = _NUMBERED.fullmatch(reply)
    if numbered:
        return ReminderReply(REMINDER_REPLIES[numbered[1]], int(numbered[2]))
    if reply in REMINDER_REPLIES:
        return ReminderReply(REMINDER_REPLIES[reply])
    if normalized in NO or reply in NO:
        return ReminderReply(None, is_no=True)
    if normalized in YES or reply in YES:
        return ReminderReply(None, opts_in=normalized in YES_TO_TEXTS or reply in YES_TO_TEXTS)
    return None
