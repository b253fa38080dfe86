"""Twilio's codes for TwiML that breaks its rules: https://www.twilio.com/docs/api/errors

Twilio logs most of them as warnings, and goes on as if the attribute or the element were absent. Those in `ERRORS` it
logs as errors.
"""

SCHEMA = 12200
INVALID_URL = 11100

ERRORS = frozenset({INVALID_URL, 13224, 13231, 13239, 13240, 13257, 13338, 13621, 16002})

_TEXT_METHOD = 14104
_RECORDING = {"recordingStatusCallback": 13256, "recordingStatusCallbackEvent": 13621}
_WRONG_VALUES: dict[str, dict[str, int]] = {
    "Say": {"loop": 13510, "voice": 13511},
    "prosody": {"rate": 13513},
    "Play": {"loop": 13410, "digits": 13430},
    "Pause": {"length": 13910},
    "Reject": {"reason": 13810},
    "Redirect": {"method": 13710},
    "Gather": {
        "action": INVALID_URL,
        "finishOnKey": 13310,
        "method": 13312,
        "timeout": 13313,
        "numDigits": 13314,
        "input": 13326,
        "speechTimeout": 13327,
        "maxSpeechTime": 13328,
        "partialResultCallbackMethod": 13329,
        "hints": 13330,
        "language": 13331,
        "bargeIn": 13332,
        "profanityFilter": 13333,
        "debug": 13336,
        "actionOnEmptyResult": 13338,
        "enhanced": 13339,
    },
    "Dial": {
        "action": INVALID_URL,
        "method": 13210,
        "timeout": 13212,
        "hangupOnStar": 13213,
        "timeLimit": 13216,
        "record": 13217,
        "sequential": 13218,
        "answerOnBridge": 13219,
        "ringTone": 13220,
        "recordingTrack": 13622,
        **_RECORDING,
    },
    "Number": {"url": INVALID_URL, "method": 13221, "sendDigits": 13222},
    "Client": {"url": INVALID_URL},
    "Sip": {"url": INVALID_URL, "method": 13241},
    "Conference": {
        "muted": 13230,
        "endConferenceOnExit": 13231,
        "startConferenceOnEnter": 13232,
        "waitUrl": 13233,
        "waitMethod": 13234,
        "beep": 13235,
        "trim": 13239,
        "coach": 13240,
    },
    "Record": {
        "action": INVALID_URL,
        "method": 13610,
        "timeout": 13611,
        "maxLength": 13612,
        "finishOnKey": 13613,
        "transcribe": 13614,
        "playBeep": 13616,
        "trim": 13699,
        "transcribeCallback": 13257,
        **_RECORDING,
    },
    "Message": {"method": _TEXT_METHOD, "statusCallback": 14105},
}
# An element whose other attributes have one code, instead of that of the schema.
_OTHER_VALUES = {"Conference": 16002}
_IN_GATHER = {"Say": {"loop": 13322, "voice": 13321}}
_MISPLACED = {"Gather": 13320, "Dial": 13215}


def wrong_value(element: str, attribute: str, parent: str, *, for_text: bool) -> int:
    """The code for an attribute with a value that it does not take. parent: the name of the element around it."""
    if for_text and (element, attribute) == ("Redirect", "method"):
        return _TEXT_METHOD
    codes = _WRONG_VALUES.get(element, {})
    if parent == "Gather":
        codes = {**codes, **_IN_GATHER.get(element, {})}
    return codes.get(attribute, _OTHER_VALUES.get(element, SCHEMA))


def misplaced(parent: str, *, is_voice_verb: bool) -> int:
    """The code for an element that is unknown, or not allowed in its parent. is_voice_verb: in the answer to a text."""
    return 14110 if is_voice_verb else _MISPLACED.get(parent, SCHEMA)
