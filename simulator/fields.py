"""Which form fields and filters Twilio's REST door takes, from its OpenAPI description (twilio_api_v2010).

A field that is in no table is refused, as is one that is in a table but that this simulator would have to
pretend about.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from simulator.errors import Refused


@dataclass(frozen=True)
class Form:
    """One request's fields: those that are taken, and those that Twilio takes and this simulator cannot
    act out.
    """

    taken: frozenset[str]
    not_acted_out: frozenset[str] = frozenset()


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


CREATE_MESSAGE = Form(
    taken=_names(
        "To From FallbackFrom MessagingServiceSid Body MediaUrl StatusCallback MaxPrice ProvideFeedback"
        " Attempt ValidityPeriod ForceDelivery ContentRetention AddressRetention SmartEncoded"
        " PersistentAction TrafficType ShortenUrls SendAsMms RiskCheck"
    ),
    not_acted_out=_names("ApplicationSid ContentSid ContentVariables ScheduleType SendAt"),
)
CREATE_CALL = Form(
    taken=_names(
        "To From Url Twiml Method FallbackUrl FallbackMethod StatusCallback StatusCallbackEvent"
        " StatusCallbackMethod Timeout CallerId CallReason CallToken TimeLimit MachineDetection"
        " MachineDetectionTimeout MachineDetectionSpeechThreshold MachineDetectionSpeechEndThreshold"
        " MachineDetectionSilenceTimeout RecordingTrack RecordingChannels RecordingStatusCallback"
        " RecordingStatusCallbackMethod RecordingStatusCallbackEvent Trim"
    ),
    not_acted_out=_names(
        "ApplicationSid SendDigits Record SipAuthUsername SipAuthPassword AsyncAmd AsyncAmdStatusCallback"
        " AsyncAmdStatusCallbackMethod Byoc ClientNotificationUrl"
    ),
)
UPDATE_CALL = Form(
    taken=_names("Status"),
    not_acted_out=_names("Url Method FallbackUrl FallbackMethod StatusCallback StatusCallbackMethod Twiml TimeLimit"),
)
LIST_MESSAGES = Form(_names("To From DateSent DateSent< DateSent> PageSize Page PageToken"))
LIST_CALLS = Form(
    _names("To From Status StartTime StartTime< StartTime> PageSize Page PageToken"),
    _names("ParentCallSid EndTime EndTime< EndTime>"),
)


def check(form: Form, names: Iterable[str]) -> None:
    """Refuse (20001) the first field that is not taken."""
    for name in names:
        if name in form.not_acted_out:
            raise Refused(20001, f"Twilio takes {name}, but this simulator cannot act it out.")
        if name not in form.taken:
            raise Refused(20001, f"Unknown parameter in the request: {name}")


def whole(values: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    """A whole-number field within its bounds; 20001 otherwise."""
    text = values.get(name, "")
    if text == "":
        return default
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise Refused(20001, f"{name} must be a whole number from {least} to {most}, not {text!r}")
    return int(text)
