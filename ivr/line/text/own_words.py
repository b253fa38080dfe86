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
    |(?:removed|quito|elimino)\ (?:(?:an?|el|la|un|una|su)\ |(?=[{_QUOTES}])).{{1,40}}?\ (?:from|de|a)\s*
      (?:{_QUOTED}|an?\ (?:image|message))
    |(?:reacted|reacciono|reaccionaste|ha(?:s|n)?\ reaccionado)\ (?:with\ |con\ )?.{{1,40}}?\ (?:to|a)\s*{_QUOTED}
    |(?:\W{{1,12}}|{_NAMED_EMOJI})\ ?(?:to|a)\ +{_QUOTED}
    """,
    re.VERBOSE | re.DOTALL,
)
# Who reacted, in a group. "She liked “the nurse”" is a person's sentence.
_WHO_REACTED = re.compile(
    r"^\s*(?!(?:I|We|You|He|She|It|They|The|My|Our|Yo|Él|Ella|Ellos|Nos|Me|El|La|Los|Mi|Su|Un|Una)\b)"
    r"(?:A )?(?:[A-ZÁÉÍÓÚÑ][\w'’.-]* ){1,4}(?=[a-z][^\"“«]{0,60}[\"“«].*[\"”»]\s*$)",
    re.DOTALL,
)
# "On Tue, Dec 1, 2026 at 10:00 AM Elliot <line@example.org> wrote:", over two lines if the address is long.
_ATTRIBUTION = r"^[\ \t]*(?:on|el)\ [^\n]{4,200}(?:\n[^\n]{0,200})?\b(?:wrote|escribi[oó]\u0301?):[\ \t]*$"
_QUOTE_LINES = re.compile(rf"(?:{_ATTRIBUTION}\s*)?(?:^[ \t]*>.*$\s*)+", re.MULTILINE | re.IGNORECASE)
# What e-mail programs put before a quote without marks, which goes on to the end of the text.
_QUOTE_START = re.compile(
    rf"""
    {_ATTRIBUTION}
    |^[ \t]*-{{2,}}\s*(?:original\ message|forwarded\ message|mensaje\ original|mensaje\ reenviado)\b
    |^[ \t]*(?:begin\ forwarded\ message|inicio\ del\ mensaje\ reenviado|mensaje\ reenviado)\s*:
    |^[ \t]*_{{4,}}\s*(?:from|de):
    |^[ \t]*(?:from|de):\ [^\n]*\n\s*(?:sent|date|to|enviado|fecha|para):
    """,
    re.MULTILINE | re.IGNORECASE | re.VERBOSE,
)
# A reminder of ours, copied into the answer to it.
_REMINDER = re.compile(
    r"^(\W*[cr]\b\W+)?.*?\b(?:reply|responda) c (?:to|para) confirm\w*\W{1,3}"
    r"(?:(?:or|o) )?r (?:to|para) (?:change|cambiar).*?"
    r"\bstop\b(?: to end\b| si no quiere otro\b|[^.\n]{0,40}(?=[.\n]|$))\W*",
    re.MULTILINE | re.IGNORECASE,
)
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
      \ (?:begin|re-?subscribe|re-?join|resume|opt|unsub|comenzar|volver|reanudar|suscribirse)
    |(?:reply|text|send)\ help\ for\ help\b.{0,10}\bstop\ (?:to|for)\b
    |(?:reply|text|send)\ stop\ to\ \w+\W*(?:(?:or|and|reply|text|send)\ ){0,2}help\ for\ help\b
    |^\W*(?:usted\ )?ha\ sido\ dad[oa]\ de\ baja\b|^\W*you\ (?:have\ been|are)\ (?:now\ )?unsubscribed\b
    |^\W*(?:(?:were|we\ are)\ )?(?:sorry\W+)?th(?:is|e)\ (?:phone\ )?number\b(?:\ you\ (?:have\ )?\w+)?
      \ (?:is\ (?:no\ longer\ in|not\ in|out\ of)\ service|has\ been\ disconnected|is\ disconnected)\W*$
    |^\W*(?:lo\ sient\w+\W+)?(?:este|el)\ numero\b(?:\ que\ (?:marco|ha\ marcado))?
      \ (?:ya\ )?no\ (?:esta|se\ encuentra)\ en\ servicio\W*$
    |^\W*ooo(?:\ (?:until|till|thru|through|hasta)\ [\w/]+(?:\ [\w/]+){0,2})?\W*$
    |thank(?:s|\ you)\ for\ (?:contacting|your\ message|texting|reaching\ out)\b.{0,80}
      \b(?:get\ back|respond|business\ hours|hours)
    |gracias\ por\ (?:su\ mensaje|comunicarse|contactarnos)\b.{0,80}\b(?:responder|horario)
    |message\ (?:blocking\ is\ active|not\ delivered|could\ not\ be\ delivered)|^\W*free\ msg\W
    |estoy\ (?:manejando|conduciendo)\ (?:con|y)\ .{0,30}no\ molestar|no\ molestar\ al\ conducir
    |vere\ (?:su|tu)\ mensaje\ cuando\ llegue
    """,
    re.VERBOSE | re.DOTALL,
)
# Sentences that a phone offers to send when its owner declines a call. Only a text without any other is automatic.
_DECLINED = frozenset(
    (
        "i cant talk right now", "cant talk right now", "i cant talk now", "cant talk now", "im driving",
        "im driving right now", "in a meeting", "im in a meeting", "ill call you later", "i will call you later",
        "will call you later", "ill text you later", "i will text you later", "will text you later",
        "ill call you right back", "no puedo hablar ahora", "no puedo hablar ahora mismo",
        "no puedo hablar en este momento", "ahora no puedo hablar", "estoy manejando", "estoy conduciendo",
        "en una reunion", "estoy en una reunion", "te llamo luego", "te llamo mas tarde", "te llamare mas tarde",
        "luego te llamo", "lo llamo mas tarde", "la llamo mas tarde", "le llamo mas tarde",
        "te escribo mas tarde", "te escribo luego",
    )
)  # fmt: skip
_BESIDE_DECLINED = frozenset(("sorry", "im sorry", "lo siento", "whats up", "que pasa", "que tal", "call me later"))
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
_CLAUSES = re.compile(r"[.!?,;\n¿¡]+")


@dataclass(frozen=True)
class OwnWords:
    """words: what the sender wrote; of an automatic text, what is left without its standard sentences."""

    words: str
    is_automatic: bool = False


def own_words(body: str) -> OwnWords:
    """Separate what the sender wrote from what their phone or carrier added."""
    if any(_REACTIONS.fullmatch(_plain(each).strip()) for each in (body, _WHO_REACTED.sub("", body))):
        return OwnWords("", is_automatic=True)
    unquoted = _without_quotes(body)
    if body.strip() and not unquoted:
        # Who writes below a quote without marks may still need an answer at once.
        start = _QUOTE_START.search(body)
        return OwnWords(_without_standard(body[start.end() :]) if start else "", is_automatic=True)
    body = _NOTICE.sub("", _SIGNATURE.sub("", unquoted)) if "\n" in body else unquoted
    return OwnWords(_without_standard(body), is_automatic=True) if _is_automatic(body) else OwnWords(body)


def _without_quotes(body: str) -> str:
    """A text without the messages that it answers; unchanged if there are none."""
    rest = _QUOTE_LINES.sub("", body) if ">" in body else body
    start = _QUOTE_START.search(rest)
    rest = rest[: start.start()] if start else rest
    rest = _REMINDER.sub(lambda quote: quote[1] or "", rest)
    return body if rest == body else rest.strip()


def _without_standard(text: str) -> str:
    return " ".join(each for each in _SENTENCES.split(text) if not _is_standard(each))


def _is_automatic(text: str) -> bool:
    plain = _plain(text).replace("'", "").strip()
    clauses = {words for each in _CLAUSES.split(plain) if (words := each.strip())}
    if clauses & _DECLINED and clauses <= _DECLINED | _BESIDE_DECLINED:
        return True
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
