"""TwiML's elements with their attributes and content, as tables.

https://www.twilio.com/docs/voice/twiml and https://www.twilio.com/docs/messaging/twiml. What becomes of a document that
breaks them is in `codes`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from simulator.loopback import resolve


@dataclass(frozen=True)
class Kind:
    """The values of an attribute: a description for error messages, and the test."""

    allowed: str
    matches: Callable[[str], bool]


def _like(allowed: str, pattern: str) -> Kind:
    compiled = re.compile(pattern)
    return Kind(allowed, lambda value: compiled.fullmatch(value) is not None)


def _one_of(*values: str) -> Kind:
    return Kind(" or ".join(f'"{value}"' for value in values), lambda value: value in values)


def _integer(minimum: int, maximum: int) -> Kind:
    return Kind(
        f"a whole number from {minimum} to {maximum}",
        lambda value: re.fullmatch(r"\d{1,9}", value, re.ASCII) is not None and minimum <= int(value) <= maximum,
    )


def _all_of(*values: str) -> Kind:
    return Kind(
        f"one or more of {', '.join(values)}, separated by spaces",
        lambda value: value != "" and len(set(value.split())) == len(value.split()) and set(value.split()) <= {*values},
    )


ANY = Kind("any text", lambda _: True)
BOOLEAN = _one_of("true", "false")
METHOD = _like("GET or POST", r"(?i:GET|POST)")
# An empty action means the current document.
URL = Kind("a relative or absolute URL", lambda value: resolve("http://127.0.0.1/", value) is not None)
VOICE = _like(
    "man, woman, alice, or a Polly. or Google. voice",
    r"man|woman|alice|Polly\.[^\W\d_]+(-Neural|-Generative)?|Google\.[a-z]{2,3}-[A-Za-z]{2,4}-[\w-]+",
)
LANGUAGE = _like("a language tag such as en-US", r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
KEY_OR_NONE = _like("one key of 0-9, #, *, or empty", r"[0-9#*]?")
TONES = _like("keys 0-9, #, *, w", r"[0-9#*wWA-D]+")
SPEECH_TIMEOUT = Kind(
    'a whole number of seconds or "auto"', lambda value: value == "auto" or _integer(1, 600).matches(value)
)
EVENTS = _all_of("initiated", "ringing", "answered", "completed")
CONFERENCE_EVENTS = _all_of("start", "end", "join", "leave", "mute", "hold", "modify", "speaker", "announcement")
TRIM = _one_of("trim-silence", "do-not-trim")
DIAL_RECORD = _one_of(
    "do-not-record", "record-from-answer", "record-from-ringing", "record-from-answer-dual",
    "record-from-ringing-dual", "true", "false",
)  # fmt: skip


@dataclass(frozen=True)
class Verb:
    """What an element may contain: attributes, children, and whether text is allowed."""

    attributes: dict[str, Kind] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    children: tuple[str, ...] = ()
    has_text: bool = False


# SSML: https://www.twilio.com/docs/voice/twiml/say/text-speech#use-ssml-with-amazon-polly
_SSML = ("break", "emphasis", "lang", "mark", "p", "phoneme", "prosody", "s", "say-as", "sub", "w")
_SPEEDS = "x-slow|slow|medium|fast|x-fast|default"
_PITCHES = "default|x-low|low|medium|high|x-high"
_LOUDNESS = "default|silent|x-soft|soft|medium|loud|x-loud"
SPEECH = {
    "break": Verb(
        {
            "strength": _one_of("none", "x-weak", "weak", "medium", "strong", "x-strong"),
            "time": _like("a time such as 500ms or 2s (at most 10 s)", r"(\d{1,4}|10000)ms|(\d(\.\d+)?|10)s"),
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

_STATUS_CALLBACK = {"statusCallback": URL, "statusCallbackEvent": EVENTS, "statusCallbackMethod": METHOD}
_RECORDING_CALLBACK = {
    "recordingStatusCallback": URL,
    "recordingStatusCallbackMethod": METHOD,
    "recordingStatusCallbackEvent": _all_of("in-progress", "completed", "absent"),
    "recordingConfigurationId": ANY,
}
_MACHINE_DETECTION = {
    "machineDetection": _one_of("Enable", "DetectMessageEnd"),
    "machineDetectionTimeout": _integer(3, 60),
    "machineDetectionSpeechThreshold": _integer(1000, 6000),
    "machineDetectionSpeechEndThreshold": _integer(500, 5000),
    "machineDetectionSilenceTimeout": _integer(2000, 10_000),
    "amdStatusCallback": URL,
    "amdStatusCallbackMethod": METHOD,
}
_AUDIBLE = ("Say", "Play", "Pause")

VOICE_VERBS = {
    **SPEECH,
    "Response": Verb(children=(*_AUDIBLE, "Gather", "Dial", "Record", "Redirect", "Hangup", "Reject")),
    "Say": Verb({"voice": VOICE, "language": LANGUAGE, "loop": _integer(0, 1000)}, (), _SSML, True),
    "Play": Verb({"loop": _integer(0, 1000), "digits": TONES}, (), (), True),
    "Pause": Verb({"length": _integer(0, 600)}),
    "Hangup": Verb(),
    "Reject": Verb({"reason": _one_of("rejected", "busy")}),
    "Redirect": Verb({"method": METHOD}, (), (), True),
    "Gather": Verb(
        {
            "action": URL,
            "method": METHOD,
            "timeout": _integer(1, 600),
            "input": _all_of("dtmf", "speech"),
            "numDigits": _integer(1, 1000),
            "finishOnKey": KEY_OR_NONE,
            "actionOnEmptyResult": BOOLEAN,
            "language": LANGUAGE,
            "hints": Kind("at most 10,000 characters", lambda value: len(value) <= 10_000),
            "speechTimeout": SPEECH_TIMEOUT,
            "maxSpeechTime": _integer(1, 60),
            "speechModel": ANY,
            "enhanced": BOOLEAN,
            "profanityFilter": BOOLEAN,
            "bargeIn": BOOLEAN,
            "dtmfDetection": ANY,
            "partialResultCallback": URL,
            "partialResultCallbackMethod": METHOD,
            "debug": BOOLEAN,
        },
        (),
        _AUDIBLE,
    ),
    "Dial": Verb(
        {
            "action": URL,
            "method": METHOD,
            "timeout": _integer(1, 600),
            "callerId": ANY,
            "timeLimit": _integer(1, 86_400),
            "answerOnBridge": BOOLEAN,
            "hangupOnStar": BOOLEAN,
            "sequential": BOOLEAN,
            "ringTone": ANY,
            "callReason": Kind("at most 50 characters", lambda value: len(value) <= 50),
            "record": DIAL_RECORD,
            "recordingTrack": _one_of("inbound", "outbound", "both"),
            "trim": TRIM,
            **_RECORDING_CALLBACK,
            "referUrl": URL,
            "referMethod": METHOD,
            "events": ANY,
            "passports": ANY,
        },
        (),
        ("Number", "Client", "Sip", "Conference"),
        True,
    ),
    "Number": Verb(
        {
            "sendDigits": TONES,
            "url": URL,
            "method": METHOD,
            "byoc": ANY,
            **_STATUS_CALLBACK,
            **_MACHINE_DETECTION,
        },
        (),
        (),
        True,
    ),
    "Client": Verb({"url": URL, "method": METHOD, **_STATUS_CALLBACK}, (), ("Identity", "Parameter"), True),
    "Identity": Verb(has_text=True),
    "Parameter": Verb({"name": ANY, "value": ANY}, ("name", "value")),
    "Sip": Verb(
        {
            "username": ANY,
            "password": ANY,
            "url": URL,
            "method": METHOD,
            **_STATUS_CALLBACK,
            **_MACHINE_DETECTION,
        },
        (),
        (),
        True,
    ),
    "Conference": Verb(
        {
            "muted": BOOLEAN,
            "beep": _one_of("true", "false", "onEnter", "onExit"),
            "startConferenceOnEnter": BOOLEAN,
            "endConferenceOnExit": BOOLEAN,
            "participantLabel": ANY,
            "jitterBufferSize": _one_of("small", "medium", "large", "off"),
            "waitUrl": URL,
            "waitMethod": METHOD,
            "maxParticipants": _integer(1, 250),
            "record": _one_of("do-not-record", "record-from-start"),
            "trim": TRIM,
            "coach": ANY,
            "region": ANY,
            "statusCallback": URL,
            "statusCallbackMethod": METHOD,
            "statusCallbackEvent": CONFERENCE_EVENTS,
            "eventCallbackUrl": URL,
            **_RECORDING_CALLBACK,
        },
        (),
        (),
        True,
    ),
    "Record": Verb(
        {
            "action": URL,
            "method": METHOD,
            "timeout": _integer(1, 86_400),
            "finishOnKey": _like("keys of 0-9, #, *, or empty", r"[0-9#*]*"),
            "maxLength": _integer(1, 86_400),
            "playBeep": BOOLEAN,
            "trim": TRIM,
            "transcribe": BOOLEAN,
            "transcribeCallback": URL,
            **_RECORDING_CALLBACK,
        }
    ),
}

TEXT_VERBS = {
    "Response": Verb(children=("Message", "Redirect")),
    "Message": Verb(
        {"to": ANY, "from": ANY, "action": URL, "method": METHOD, "statusCallback": URL},
        (),
        ("Body", "Media"),
        True,
    ),
    "Body": Verb(has_text=True),
    "Media": Verb(has_text=True),
    "Redirect": Verb({"method": METHOD}, (), (), True),
}

# Twilio has these too; the simulator reports that it does not support them.
UNSUPPORTED = frozenset({"Application", "Connect", "Echo", "Enqueue", "Leave", "Pay", "Prompt", "Queue", "Refer"}) | {
    "Sim", "Siprec", "Sms", "Start", "Stop", "Stream", "VirtualAgent", "WhatsApp",
}  # fmt: skip

# Attributes that are checked, and then change nothing.
_NO_DETECTION = frozenset(_MACHINE_DETECTION)
WITHOUT_EFFECT = {
    "Pause": frozenset({"length"}),
    "Gather": frozenset({"hints", "speechTimeout", "maxSpeechTime", "speechModel", "enhanced", "profanityFilter"})
    | {"dtmfDetection", "partialResultCallback", "partialResultCallbackMethod", "debug"},
    "Dial": frozenset({"timeout", "answerOnBridge", "ringTone", "callReason", "recordingTrack", "trim"})
    | {"recordingConfigurationId", "referUrl", "referMethod", "events", "passports"},
    "Number": _NO_DETECTION | {"byoc"},
    "Sip": _NO_DETECTION | {"username", "password"},
    "Conference": frozenset({"beep", "jitterBufferSize", "waitUrl", "waitMethod", "maxParticipants", "trim", "coach"})
    | {"region", "eventCallbackUrl", "recordingConfigurationId"},
    "Record": frozenset({"trim", "transcribe", "recordingConfigurationId"}),
}

# Attributes that hold URLs, which Twilio would request.
URL_ATTRIBUTES = (
    "action",
    "url",
    "statusCallback",
    "partialResultCallback",
    "referUrl",
    "recordingStatusCallback",
    "transcribeCallback",
    "amdStatusCallback",
)
