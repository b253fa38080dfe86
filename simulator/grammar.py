"""TwiML's verbs, their attributes and what may stand inside them, as tables.

https://www.twilio.com/docs/voice/twiml and https://www.twilio.com/docs/messaging/twiml. Twilio only warns
of an unknown attribute (12200); here it ends the call, because a warning in a log that nobody reads is how
such a thing reaches a patient.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from simulator.numbers import E164


@dataclass(frozen=True)
class Kind:
    """A kind of attribute value: how to tell, and the words for what is allowed."""

    allowed: str
    fits: Callable[[str], bool]


def _like(allowed: str, pattern: str) -> Kind:
    compiled = re.compile(pattern)
    return Kind(allowed, lambda value: compiled.fullmatch(value) is not None)


def _one_of(*values: str) -> Kind:
    return Kind(" or ".join(f'"{value}"' for value in values), lambda value: value in values)


def _from_to(least: int, most: int) -> Kind:
    return Kind(
        f"a whole number from {least} to {most}",
        lambda value: re.fullmatch(r"\d{1,9}", value, re.ASCII) is not None and least <= int(value) <= most,
    )


def _all_of(*values: str) -> Kind:
    return Kind(
        f"one or more of {', '.join(values)}, with spaces between",
        lambda value: value != "" and len(set(value.split())) == len(value.split()) and set(value.split()) <= {*values},
    )


ANY = Kind("any text", lambda _: True)
BOOLEAN = _one_of("true", "false")
METHOD = _one_of("GET", "POST")
# An empty action is Twilio's way of saying "the current document".
ADDRESS = Kind("a relative or absolute address", lambda value: not re.search(r"[\s\\<>\"]", value))
CALLER_ID = _like("a number such as +16035550100, or the caller's own", E164 + "|anonymous|client:.+")
VOICE = _like(
    "man, woman, alice, or a Polly. or Google. voice",
    r"man|woman|alice|Polly\.[^\W\d_]+(-Neural|-Generative)?|Google\.[a-z]{2,3}-[A-Za-z]{2,4}-[\w-]+",
)
LANGUAGE = _like("a language tag such as en-US", r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
KEY_OR_NONE = _like("one key of 0-9, #, *, or empty", r"[0-9#*]?")
TONES = _like("keys 0-9, #, *, w", r"[0-9#*wWA-D]+")
SPEECH_TIMEOUT = Kind(
    'a whole number of seconds or "auto"', lambda value: value == "auto" or _from_to(1, 600).fits(value)
)
EVENTS = _all_of("initiated", "ringing", "answered", "completed")


@dataclass(frozen=True)
class Verb:
    """What an element may have: attributes, children, and whether words may stand in it."""

    attributes: dict[str, Kind] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    children: tuple[str, ...] = ()
    words: bool = False


# Speech marks: https://www.twilio.com/docs/voice/twiml/say/text-speech#use-ssml-with-amazon-polly
_SSML = ("break", "emphasis", "lang", "mark", "p", "phoneme", "prosody", "s", "say-as", "sub", "w")
_SPEEDS = "x-slow|slow|medium|fast|x-fast|default"
_PITCHES = "default|x-low|low|medium|high|x-high"
_LOUDNESS = "default|silent|x-soft|soft|medium|loud|x-loud"
SPEECH = {
    "break": Verb(
        {
            "strength": _one_of("none", "x-weak", "weak", "medium", "strong", "x-strong"),
            "time": _like("a time such as 500ms or 2s (10 s at most)", r"(\d{1,4}|10000)ms|(\d(\.\d+)?|10)s"),
        }
    ),
    "emphasis": Verb({"level": _one_of("strong", "moderate", "reduced", "none")}, (), _SSML, True),
    "lang": Verb({"xml:lang": LANGUAGE, "onlangfailure": ANY}, ("xml:lang",), _SSML, True),
    "mark": Verb({"name": ANY}, ("name",)),
    "p": Verb({}, (), tuple(name for name in _SSML if name != "p"), True),
    "phoneme": Verb({"alphabet": _one_of("ipa", "x-sampa", "x-amazon-pinyin"), "ph": ANY}, ("ph",), (), True),
    "prosody": Verb(
        {
            "rate": _like("x-slow to x-fast, or a percentage", _SPEEDS + r"|\d{1,3}%"),
            "pitch": _like("x-low to x-high, or such as +5%", _PITCHES + r"|[+-]?\d{1,3}(\.\d+)?(%|Hz|st)"),
            "volume": _like("silent to x-loud, or such as +6dB", _LOUDNESS + r"|[+-]?\d{1,2}(\.\d+)?dB"),
        },
        (),
        _SSML,
        True,
    ),
    "s": Verb({}, (), tuple(name for name in _SSML if name not in ("p", "s")), True),
    "say-as": Verb(
        {
            "interpret-as": _one_of(
                "characters", "spell-out", "cardinal", "number", "ordinal", "digits", "fraction", "unit",
                "date", "time", "address", "expletive", "telephone",
            ),
            "format": _one_of("mdy", "dmy", "ymd", "md", "dm", "ym", "my", "d", "m", "y", "yyyymmdd"),
            "role": ANY,
        },
        ("interpret-as",),
        (),
        True,
    ),
    "sub": Verb({"alias": ANY}, ("alias",), (), True),
    "w": Verb({"role": ANY}, ("role",), (), True),
}  # fmt: skip

_CALL_BACK = {"statusCallback": ADDRESS, "statusCallbackEvent": EVENTS, "statusCallbackMethod": METHOD}
_HEARD = ("Say", "Play", "Pause")

VOICE_VERBS = {
    **SPEECH,
    "Response": Verb(children=(*_HEARD, "Gather", "Dial", "Redirect", "Hangup", "Reject")),
    "Say": Verb({"voice": VOICE, "language": LANGUAGE, "loop": _from_to(0, 1000)}, (), _SSML, True),
    "Play": Verb({"loop": _from_to(0, 1000), "digits": TONES}, (), (), True),
    "Pause": Verb({"length": _from_to(0, 600)}),
    "Hangup": Verb(),
    "Reject": Verb({"reason": _one_of("rejected", "busy")}),
    "Redirect": Verb({"method": METHOD}, (), (), True),
    "Gather": Verb(
        {
            "action": ADDRESS,
            "method": METHOD,
            "timeout": _from_to(1, 600),
            "input": _all_of("dtmf", "speech"),
            "numDigits": _from_to(1, 1000),
            "finishOnKey": KEY_OR_NONE,
            "actionOnEmptyResult": BOOLEAN,
            "language": LANGUAGE,
            "hints": Kind("at most 10,000 characters", lambda value: len(value) <= 10_000),
            "speechTimeout": SPEECH_TIMEOUT,
            "maxSpeechTime": _from_to(1, 60),
            "speechModel": ANY,
            "enhanced": BOOLEAN,
            "profanityFilter": BOOLEAN,
            "bargeIn": BOOLEAN,
            "dtmfDetection": ANY,
            "partialResultCallback": ADDRESS,
            "partialResultCallbackMethod": METHOD,
        },
        (),
        _HEARD,
    ),
    "Dial": Verb(
        {
            "action": ADDRESS,
            "method": METHOD,
            "timeout": _from_to(1, 600),
            "callerId": CALLER_ID,
            "timeLimit": _from_to(1, 86_400),
            "answerOnBridge": BOOLEAN,
            "hangupOnStar": BOOLEAN,
            "sequential": BOOLEAN,
            "ringTone": ANY,
            "callReason": Kind("at most 50 characters", lambda value: len(value) <= 50),
            "record": _one_of("do-not-record", "true", "false"),
            "trim": _one_of("trim-silence", "do-not-trim"),
            "referUrl": ADDRESS,
            "referMethod": METHOD,
        },
        (),
        ("Number",),
        True,
    ),
    "Number": Verb({"sendDigits": TONES, "url": ADDRESS, "method": METHOD, **_CALL_BACK}, (), (), True),
}

TEXT_VERBS = {
    "Response": Verb(children=("Message", "Redirect")),
    "Message": Verb(
        {"to": ANY, "from": ANY, "action": ADDRESS, "method": METHOD, "statusCallback": ADDRESS},
        (),
        ("Body", "Media"),
        True,
    ),
    "Body": Verb(words=True),
    "Media": Verb(words=True),
    "Redirect": Verb({"method": METHOD}, (), (), True),
}

# Twilio has these too; a line that uses them has outgrown this simulator, and should hear so.
ELSEWHERE = frozenset(
    {
        "Client",
        "Conference",
        "Connect",
        "Echo",
        "Enqueue",
        "Leave",
        "Pay",
        "Prompt",
        "Queue",
        "Record",
        "Refer",
    }
    | {"Sim", "Sip", "Siprec", "Sms", "Start", "Stop", "Stream"}
)

# Addresses in attributes: Twilio would request each of them.
ADDRESSES = ("action", "url", "statusCallback", "partialResultCallback", "referUrl")
