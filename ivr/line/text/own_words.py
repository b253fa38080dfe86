"""What the sender of a text wrote, without quotes, reactions, signatures, and automatic replies.

A reaction or a quote repeats our own reminder, STOP included, so none of its words may count as the sender's.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

_QUOTES = "\"'“”„«»‘’‹›"
_QUOTED = rf"[{_QUOTES}].*"
_NAMED_EMOJI = (
    r"(?:an?\ |una?\ )?(?:red\ )?(?:heart|thumbs?\ (?:up|down)|like|dislike|laugh|exclamation|question\ mark|smiley|"
    r"corazon|pulgar\ (?:arriba|abajo|hacia\ (?:arriba|abajo))|risa|exclamacion|interrogacion|carita)"
)
# Apple, Google and Samsung send a reaction as a text to phones that cannot show it.
_REACTIONS = re.compile(
    rf"""
    (?:(?:you\ )?(?:liked|loved|disliked|laughed\ at|emphasi[sz]ed|questioned)
      |(?:le|te)\ (?:gusto|encanto|disgusto)|no\ le\ gusto|(?:le\ )?dio\ risa|se\ rio\ (?:de|con)
      |(?:no\ )?me\ (?:gust[ao]|encant[ao])
      |(?:enfatizo|exclamo|cuestiono|pregunto|destaco)(?:\ sobre)?
      |(?:le\ dio|dio)\ (?:un\ )?(?:me\ gusta|me\ encanta|no\ me\ gusta|jaja)\ a
    )\s*(?:{_QUOTED}|(?:an?\ (?:image|message|photo)|una?\ (?:imagen|mensaje|foto))\W*)
    |(?:removed|quito|elimino)\ (?:an?|el|la|un|una|su)\ .{{1,40}}?\ (?:from|de|a)\s*
      (?:{_QUOTED}|an?\ (?:image|message))
    |(?:reacted|reacciono|reaccionaste|ha(?:s|n)?\ reaccionado)\ (?:with\ |con\ )?.{{1,40}}?\ (?:to|a)\s*{_QUOTED}
    |(?:\W{{1,12}}|{_NAMED_EMOJI})\ ?(?:to|a)\ +{_QUOTED}
    """,
    re.VERBOSE | re.DOTALL,
)
_QUOTE_LINE = re.compile(r"^\s*>.*$|^\s*(?:on|el) .{4,80}(?:wrote|escribio):\s*$", re.MULTILINE | re.IGNORECASE)
_SIGNATURE = re.compile(
    r"\n\s*(?:--+\s*\n.*|\W{0,3}(?:message )?(?:sent|get outlook|enviado|obtener outlook)\b[^\n]{0,20}\b"
    r"(?:from|for|using|with|desde|via|para)\b[^\n]{0,60})\s*$",
    re.DOTALL | re.IGNORECASE,
)
# The legal notice below an e-mail that arrives as a text.
_NOTICE = re.compile(
    r"\n\W*(?:confidential|privileged|disclaimer|notice\b|this (?:e-?mail|message|communication)\b|confidencial|"
    r"aviso\b|este (?:correo|mensaje)\b).*\b(?:may contain|intended|recipient|privileged|unauthorized|"
    r"puede contener|destinatari\w+|no autorizad\w+)\b.*$",
    re.DOTALL | re.IGNORECASE,
)
# Each pattern is so specific that a person who asks something does not write it.
_AUTOMATIC = re.compile(
    r"""
    do\ not\ disturb\ while\ driving|driving\ focus|see\ your\ message\ when\ i\ get\ where
    |^(?:sorry\W*)?i\W?(?:\ a)?m\ driving(?:\ right\ now|\ at\ the\ moment)?\W*
      (?:i\W?ll\ (?:get\ back|reply|call|text).*)?$
    |cant\ talk\ right\ now\W*(?:im\ driving|ill\ call|call\ you)
    |not\ receiving\ notifications|notifications\ silenced|has\ focus\ (?:turned\ )?on
    |^\W*(?:auto(?:matic|mated)?\W?(?:reply|response|message)|respuesta\ automatica|mensaje\ automatico)
    |this\ is\ an\ auto(?:mated|matic)|est[ae]\ es\ una?\ (?:respuesta|mensaje)\ automatic
    |(?:\bi?m|\bam|\bis|currently|^)\W*out\ of\ (?:the\ )?office|(?:on|away\ on)\ vacation\ until
    |away\ from\ my\ (?:desk|phone)\ until
    |fuera\ de\ (?:la\ )?oficina|de\ vacaciones\ hasta
    |(?:number|line|phone|inbox|mailbox)\ (?:does\ not|doesnt|cannot|cant|is\ unable\ to)\ (?:accept|receive)
    |(?:number|line|mailbox|inbox)\ is\ not\ (?:monitored|able\ to\ receive)
    |(?:^|[.!:\n]\s*)(?:please\ )?do\ not\ reply\ to\ this
    |(?:numero|linea)\ no\ (?:acepta|recibe|puede\ recibir)|no\ responda\ a\ este
    |(?:reply|text|responda|envie)\ (?:yes|start|stop|unstop|help|si)\ (?:to|para)
      \ (?:begin|re-?subscribe|opt|unsub|comenzar)
    |thank(?:s|\ you)\ for\ (?:contacting|your\ message|texting|reaching\ out)\b.{0,80}
      \b(?:get\ back|respond|business\ hours|hours)
    |gracias\ por\ (?:su\ mensaje|comunicarse|contactarnos)\b.{0,80}\b(?:responder|horario)
    |message\ (?:blocking\ is\ active|not\ delivered|could\ not\ be\ delivered)|^\W*free\ msg\W
    |estoy\ (?:manejando|conduciendo)\ (?:con|y)\ .{0,30}no\ molestar|no\ molestar\ al\ conducir
    |vere\ (?:su|tu)\ mensaje\ cuando\ llegue
    """,
    re.VERBOSE | re.DOTALL,
)
# What else automatic replies say. Alone, these sentences may be a person's.
_STANDARD = re.compile(
    r"^\W*(?:thanks|thank you|gracias|hello|hi|hola|welcome back)\b"
    r"|^\W*(?:i|we) ?(?:will|ll) (?:be back|return|respond|reply|get back|call|text|see)\b"
    r"|^\W*(?:le|te) (?:respond|contest|llam)"
    r"|^\W*(?:regresare|volvere|(?:please|por favor) (?:contact|reply|leave|deje))"
    r"|\b(?:for|in|para|en)\b.*\b(?:emergenc\w+|urgen\w+)"
    r"|\breply\W+urgent\W+to send\b"
    # Nothing may follow: "If this is an emergency call 911, I have chest pain".
    r"|\b(?:if|si)\b.*\b(?:911|emergenc\w+|urgen\w+)\W*(?:immediately|right away|please|room|de inmediato)?\W*$"
)
_SENTENCES = re.compile(r"(?<=[.!?])\s+|\n+")


@dataclass(frozen=True)
class OwnWords:
    """words: what the sender wrote; of an automatic text, what is left without its standard sentences."""

    words: str
    is_automatic: bool = False


def own_words(body: str) -> OwnWords:
    """Separate what the sender wrote from what their phone or carrier added."""
    if _REACTIONS.fullmatch(_plain(body).strip()):
        return OwnWords("", is_automatic=True)
    if "\n" in body or ">" in body:
        unquoted = _QUOTE_LINE.sub("", body).strip()
        if body.strip() and not unquoted:
            return OwnWords("", is_automatic=True)
        body = _NOTICE.sub("", _SIGNATURE.sub("", unquoted))
    if not _is_automatic(body):
        return OwnWords(body)
    return OwnWords(" ".join(each for each in _SENTENCES.split(body) if not _is_standard(each)), is_automatic=True)


def _is_automatic(text: str) -> bool:
    plain = _plain(text).replace("'", "").strip()
    # An automatic reply asks nothing: "I'm out of the office until noon, can I come at 1?" is from a person.
    return "?" not in plain and _AUTOMATIC.search(plain) is not None


def _is_standard(sentence: str) -> bool:
    """Whether a sentence is one of an automatic reply, as are greetings and advice about emergencies."""
    return _is_automatic(sentence) or _STANDARD.search(_plain(sentence).replace("'", "")) is not None


def _plain(text: str) -> str:
    """Lowercase without accents; punctuation and emoji stay."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.replace("’", "'"))
    return "".join(c for c in decomposed if unicodedata.category(c) not in ("Cf", "Mn")).lower()
