"""The form fields and filters of Twilio's REST API, from its OpenAPI description (twilio_api_v2010).

The simulator rejects unknown fields, and fields whose effect it cannot simulate.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from simulator.rest.errors import RestError


@dataclass(frozen=True)
class Form:
    """The fields of a request: those accepted, and those that Twilio accepts but the simulator cannot simulate."""

    accepted: frozenset[str]
    unsupported: frozenset[str] = frozenset()


def _names(names: str) -> frozenset[str]:
    return frozenset(names.split())


CREATE_MESSAGE = Form(
    accepted=_names(
        "To From FallbackFrom MessagingServiceSid Body MediaUrl StatusCallback MaxPrice ProvideFeedback"
        " Attempt ValidityPeriod ForceDelivery ContentRetention AddressRetention SmartEncoded"
        " PersistentAction TrafficType ShortenUrls SendAsMms RiskCheck"
    ),
    unsupported=_names("ApplicationSid ContentSid ContentVariables ScheduleType SendAt"),
)
CREATE_CALL = Form(
    accepted=_names(
        "To From Url Twiml Method FallbackUrl FallbackMethod StatusCallback StatusCallbackEvent"
        " StatusCallbackMethod Timeout CallerId CallReason CallToken TimeLimit MachineDetection"
        " MachineDetectionTimeout MachineDetectionSpeechThreshold MachineDetectionSpeechEndThreshold"
        " MachineDetectionSilenceTimeout RecordingTrack RecordingChannels RecordingStatusCallback"
        " RecordingStatusCallbackMethod RecordingStatusCallbackEvent Trim"
    ),
    unsupported=_names(
        "ApplicationSid SendDigits Record SipAuthUsername SipAuthPassword AsyncAmd AsyncAmdStatusCallback"
        " AsyncAmdStatusCallbackMethod Byoc ClientNotificationUrl"
    ),
)
UPDATE_CALL = Form(
    accepted=_names("Status"),
    unsupported=_names("Url Method FallbackUrl FallbackMethod StatusCallback StatusCallbackMethod Twiml TimeLimit"),
)
LIST_MESSAGES = Form(_names("To From DateSent DateSent< DateSent> PageSize Page PageToken"))
LIST_CALLS = Form(
    _names("To From Status StartTime StartTime< StartTime> PageSize Page PageToken"),
    _names("ParentCallSid EndTime EndTime< EndTime>"),
)


def check(form: Form, names: Iterable[str]) -> None:
    """Raise RestError 20001 for the first field that is not accepted."""
    for name in names:
        if name in form.unsupported:
            raise RestError(20001, f"Twilio accepts {name}, but the simulator does not support it.")
        if name not in form.accepted:
            raise RestError(20001, f"Unknown parameter in the request: {name}")


def integer(values: Mapping[str, str], name: str, default: int, minimum: int, maximum: int) -> int:
    """An integer field within its bounds. Raises RestError 20001."""
    text = values.get(name, "")
    if text == "":
        return default
    if not text.isascii() or not text.isdigit() or not minimum <= int(text) <= maximum:
        raise RestError(20001, f"{name} must be a whole number from {minimum} to {maximum}, not {text!r}")
    return int(text)
