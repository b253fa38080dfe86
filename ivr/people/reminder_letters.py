"""A C or an R among other words, as people answer a reminder: "C Rosa Diaz", "Hi, C", "R please call me".

Only while the last reminder asks for C or R: at any other time, a single letter says little.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ivr.line.locales.locale import all_locales, word_set
from ivr.line.text.normalize import normalize
from ivr.people.keywords import REMINDER_REPLIES, ReminderReply

# The signs that `normalize` reads as words are words here too.
_TOKEN = re.compile(r"[^\W_]+(?:['’][^\W_]+)*|[🆘🛑]")
_LETTER = re.compile("([cr])([1-9]?)")
# Phone numbers and dates of birth.
_NUMBERS = re.compile(r"\+?(?:1[ .-]?)?\(?\d{3}\)?[ .-]?\d{3}[ .-]?\d{4}\b|\b\d{1,4}[/.-]\d{1,2}[/.-]\d{2,4}\b")
# What may stand beside a letter without a meaning of its own.
_GREETINGS = word_set(
    """
    hi hello hey good morning afternoon evening hola buenos buenas buen dias dia tardes noches saludos yes si
    pls plz ty thx porfa
    """
).union(*(locale.courtesy_words for locale in all_locales().values()))
_INTRODUCTIONS = word_set(
    """
    i im my the letter option reply replying answer text press choose pick its this here with and
    responder respondo responda respuesta contesto con la letra opcion marco elijo escojo pongo mi es soy aqui y
    """
)
_BESIDE = _GREETINGS | _INTRODUCTIONS
_IN_NAMES = word_set("for para por from de del los las van von di da mr mrs ms miss dr sr sra srta")
_VOWELS = frozenset("aeiouy")
# Where a C is a vitamin, a virus, a breast density, or a door.
_BEFORE_OTHER_C = word_set(
    """
    vitamin vitamins vitamina vit hepatitis hep type tipo grade grado category categoria class clase density densidad
    dense stage etapa cup copa size talla bra part parte protein proteina group grupo plan medicare factor building
    edificio suite room sala cuarto door puerta entrance entrada lot floor piso level nivel gate unit unidad wing hall
    turno shift about sobre
    """
)
_ASKING = word_set("what whats which why que cual")
_ASKED = word_set("c r is are does means es significa quiere")
_AFTER_OTHER_C = word_set(
    """
    section sections seccion diff difficile dif spine cup cups reactive pap word vitamin cell cells peptide scan arm
    clip view views shaped type class collar virus diphtheriae reactiva difficil
    """
)
# The right side of the body.
_AFTER_OTHER_R = word_set(
    """
    breast breasts side arm boob nipple nip armpit axilla shoulder leg hand hip knee chest seno mama pecho axila brazo
    """
)
# "are", in a hurry.
_BESIDE_ARE = word_set("you u ya we they there the these those this that it he she my your ur any all results")
# "C-view", "c/o".
_JOINED = re.compile(r"\b[CcRr][-/][a-z]")
_AFTER_EITHER = word_set("is was means mean meant stands or o")
_OTHER_SENSES = {
    "c": (_BEFORE_OTHER_C, _AFTER_OTHER_C | _AFTER_EITHER),
    "r": (_BEFORE_OTHER_C, _AFTER_OTHER_R | _AFTER_EITHER),
}
_MOST_NAMES = 6
# Of a text that is about another C. "I will be there, I have hepatitis C" is an answer.
_MOST_WORDS = 3
# With any of these, a C may not be a yes.
_DOUBTS = word_set(
    """
    no not cant cannot dont wont wouldnt couldnt never unable cancel change reschedule move another other different
    later instead unless except if maybe wrong nunca tampoco cancelar cancele cambiar cambie reprogramar mover otra otro
    quiza quizas tal depende
    """
)
# "I can't go to the bathroom": not about the visit, unless the visit is named too.
_CANNOT_GO = re.compile(r"\bno (?:puedo|he podido|puede) ir (?:al|para el) (?:bano|inodoro|trabajo)\b")
_OF_VISIT = re.compile(r"\b(?:citas?|cambi\w+|cancel\w+|otr[oa] (?:dia|fecha|hora)|reprogram\w+)\b")
_CANNOT_COME = re.compile(
    r"(?:(?:lo siento|perdon|disculpe|hola|ya|yo) )*no (?:puedo|podre|voy a poder|vamos a poder|podemos) "
    r"(?:ir|asistir|venir|acudir)(?: (?:a|al|el|la|mi|su|cita|dia|ese|este|esta|esa|semana|lunes|martes|miercoles|"
    r"jueves|viernes|sabado|domingo|manana|hoy|lo siento|gracias))*"
)


@dataclass(frozen=True)
class Letter:
    """A letter that answers a reminder. others: the other words that mean something, or are a name."""

    letter: str
    reply: ReminderReply
    others: str
    is_bare: bool
    """Whether the others can only be names."""
    is_doubtful: bool
    """Whether the others may take back what the letter says."""


@dataclass(frozen=True)
class _Token:
    raw: str
    word: str

    @property
    def is_name(self) -> bool:
        return self.word in _IN_NAMES or (self.raw[0].isupper() and self.word.isalpha())


def letter_in(text: str) -> Letter | None:
    """The letter that answers a reminder, if there is one: the first word, or the only one that is not a name."""
    if _JOINED.search(text):
        return None
    tokens = [_Token(raw, normalize(raw)) for raw in _TOKEN.findall(_NUMBERS.sub(" ", text))]
    letters = [place for place, token in enumerate(tokens) if _LETTER.fullmatch(token.word)]
    if len(letters) != 1 or _has_other_sense(tokens, letters[0]) or _is_are(tokens, letters[0]):
        return None
    place = letters[0]
    found = _LETTER.fullmatch(tokens[place].word)
    before, after = _meaningful(tokens[:place]), _meaningful(tokens[place + 1 :])
    number = found[2] if found else ""
    if not number and after and after[0].word in set("123456789") and all(token.is_name for token in after[1:]):
        number, after = after[0].word, after[1:]
    others = before + after
    is_bare = len(others) <= _MOST_NAMES and all(token.is_name for token in others) and not _has_stray_letter(others)
    if not is_bare and any(token.word not in _GREETINGS for token in tokens[:place]):
        return None
    letter = tokens[place].word[0]
    reply = ReminderReply(REMINDER_REPLIES[letter], int(number) if number else None)
    is_doubtful = letter == "c" and not _DOUBTS.isdisjoint(token.word for token in tokens)
    return Letter(letter, reply, " ".join(token.raw for token in others), is_bare, is_doubtful)


def has_other_sense(text: str) -> bool:
    """Whether what seems an answer is none: "plan C", "C diff", "C/R", "what is C", "no puedo ir al baño"."""
    words = normalize(text)
    if _CANNOT_GO.search(words) and not _OF_VISIT.search(words):
        return True
    tokens = [_Token(raw, normalize(raw)) for raw in _TOKEN.findall(text)]
    letters = [place for place, token in enumerate(tokens) if token.word in _OTHER_SENSES]
    if len(_meaningful(tokens)) > _MOST_WORDS:
        return False
    are_both = {tokens[place].word for place in letters} == set(_OTHER_SENSES)
    # "What is C": a question about the letter.
    asks = len(tokens) > 1 and tokens[0].word in _ASKING and tokens[1].word in _ASKED
    return are_both or asks or any(_has_other_sense(tokens, place) for place in letters)


def cannot_come(normalized: str) -> bool:
    """Whether a text only says that its sender cannot come.

    The model knows most of these, but takes some for questions about appointments.
    """
    return _CANNOT_COME.fullmatch(normalized) is not None


def _has_other_sense(tokens: list[_Token], place: int) -> bool:
    before, after = _OTHER_SENSES[tokens[place].word[0]]
    words = [token.word for token in tokens]
    return not before.isdisjoint(words[max(0, place - 1) : place]) or not after.isdisjoint(words[place + 1 : place + 2])


def _is_are(tokens: list[_Token], place: int) -> bool:
    around = {token.word for token in (*tokens[max(0, place - 1) : place], *tokens[place + 1 : place + 2])}
    return tokens[place].word[0] == "r" and not _BESIDE_ARE.isdisjoint(around)


def _meaningful(tokens: list[_Token]) -> list[_Token]:
    return [token for token in tokens if token.word not in _BESIDE]


def _has_stray_letter(tokens: list[_Token]) -> bool:
    """Whether a single letter is not the initial after a first name."""
    names = [len(token.word) > 1 and token.word not in _IN_NAMES for token in tokens]
    return any(
        len(token.word) == 1 and token.word not in _VOWELS and not (place and names[place - 1])
        for place, token in enumerate(tokens)
    )
