"""The form fields and filters of Twilio's REST API, from its OpenAPI description (twilio_api_v2010).

What becomes of other fields is in `Endpoint.check`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from simulator.loopback import may_request
from simulator.rest.errors import RestError
from simulator.twiml.grammar import WITHOUT_EFFECT


@dataclass(frozen=True)
class Form:
    """The fields of a request: those accepted, and those that Twilio accepts but the simulator cannot simulate.

    without_effect: those accepted that change nothing here.
    """

    accepted: frozenset[str]
    unsupported: frozenset[str] = frozenset()
    without_effect: frozenset[str] = frozenset()

    @property
    def known(self) -> frozenset[str]:
        return self.accepted | self.without_effect


def _names(names: str) -> frozenset[str]:
    return frozenset(names.split())


CREATE_MESSAGE = Form(
    accepted=_names(
        "To From MessagingServiceSid Body MediaUrl StatusCallback ValidityPeriod ScheduleType SendAt ContentSid"
    ),
    unsupported=_names("ApplicationSid"),
    without_effect=_names(
        "FallbackFrom MaxPrice ProvideFeedback Attempt ForceDelivery ContentRetention AddressRetention SmartEncoded"
        " PersistentAction TrafficType ShortenUrls SendAsMms RiskCheck ContentVariables"
    ),
)
UPDATE_MESSAGE = Form(_names("Body Status"))
# Fields that mean the same for a call and for a participant.
CALL = _names(
    "To From Timeout TimeLimit StatusCallback StatusCallbackMethod StatusCallbackEvent MachineDetection Record"
    " RecordingChannels RecordingStatusCallback RecordingStatusCallbackMethod RecordingStatusCallbackEvent"
)
_CALL_WITHOUT_EFFECT = _names(
    "CallerId CallReason CallToken RecordingTrack Trim MachineDetectionTimeout MachineDetectionSpeechThreshold"
    " MachineDetectionSpeechEndThreshold MachineDetectionSilenceTimeout"
)
CREATE_CALL = Form(
    accepted=CALL | _names("Url Twiml Method FallbackUrl FallbackMethod SendDigits"),
    without_effect=_CALL_WITHOUT_EFFECT,
    unsupported=_names(
        "ApplicationSid SipAuthUsername SipAuthPassword AsyncAmd AsyncAmdStatusCallback"
        " AsyncAmdStatusCallbackMethod Byoc ClientNotificationUrl"
    ),
)
UPDATE_CALL = Form(
    accepted=_names("Status Url Method Twiml StatusCallback StatusCallbackMethod"),
    unsupported=_names("FallbackUrl FallbackMethod TimeLimit"),
)
_NUMBER = (
    "FriendlyName VoiceUrl VoiceMethod VoiceFallbackUrl VoiceFallbackMethod SmsUrl SmsMethod SmsFallbackUrl"
    " SmsFallbackMethod StatusCallback StatusCallbackMethod"
)
_NUMBER_ELSEWHERE = (
    "SmsApplicationSid VoiceApplicationSid VoiceCallerIdLookup EmergencyStatus EmergencyAddressSid TrunkSid"
    " VoiceReceiveMode IdentitySid AddressSid BundleSid"
)
_NUMBER_WITHOUT_EFFECT = _names("ApiVersion")
CREATE_NUMBER = Form(_names(f"PhoneNumber AreaCode {_NUMBER}"), _names(_NUMBER_ELSEWHERE), _NUMBER_WITHOUT_EFFECT)
UPDATE_NUMBER = Form(_names(_NUMBER), _names(f"AccountSid {_NUMBER_ELSEWHERE}"), _NUMBER_WITHOUT_EFFECT)
UPDATE_SERVICE = Form(
    _names("InboundRequestUrl InboundMethod UseInboundWebhookOnNumber"),
    _names(
        "FriendlyName FallbackUrl FallbackMethod StatusCallback StickySender MmsConverter SmartEncoding"
        " ScanMessageContent FallbackToLongCode AreaCodeGeomatch ValidityPeriod SynchronousValidation Usecase"
    ),
)
# A field of a participant, and the attribute of the <Conference> that its call then joins.
PARTICIPANT_ATTRIBUTES = {
    "Beep": "beep",
    "ConferenceRecord": "record",
    "ConferenceRecordingStatusCallback": "recordingStatusCallback",
    "ConferenceRecordingStatusCallbackEvent": "recordingStatusCallbackEvent",
    "ConferenceRecordingStatusCallbackMethod": "recordingStatusCallbackMethod",
    "ConferenceStatusCallback": "statusCallback",
    "ConferenceStatusCallbackEvent": "statusCallbackEvent",
    "ConferenceStatusCallbackMethod": "statusCallbackMethod",
    "ConferenceTrim": "trim",
    "EndConferenceOnExit": "endConferenceOnExit",
    "JitterBufferSize": "jitterBufferSize",
    "Label": "participantLabel",
    "MaxParticipants": "maxParticipants",
    "Muted": "muted",
    "Region": "region",
    "StartConferenceOnEnter": "startConferenceOnEnter",
    "WaitMethod": "waitMethod",
    "WaitUrl": "waitUrl",
}
_ATTRIBUTES_WITHOUT_EFFECT = frozenset(
    name for name, attribute in PARTICIPANT_ATTRIBUTES.items() if attribute in WITHOUT_EFFECT["Conference"]
)
CREATE_PARTICIPANT = Form(
    CALL | (PARTICIPANT_ATTRIBUTES.keys() - _ATTRIBUTES_WITHOUT_EFFECT),
    _names(
        "AmdStatusCallback AmdStatusCallbackMethod Byoc CallSidToCoach ClientNotificationUrl Coaching SipAuthPassword"
        " SipAuthUsername"
    ),
    _CALL_WITHOUT_EFFECT | _ATTRIBUTES_WITHOUT_EFFECT | _names("EarlyMedia CallerDisplayName"),
)
UPDATE_CONFERENCE = Form(_names("Status"), _names("AnnounceUrl AnnounceMethod"))
UPDATE_PARTICIPANT = Form(
    _names("Muted Hold EndConferenceOnExit"),
    _names("HoldUrl HoldMethod AnnounceUrl AnnounceMethod WaitUrl WaitMethod BeepOnExit Coaching CallSidToCoach"),
)

_PAGE = "PageSize Page PageToken"
LIST_MESSAGES = Form(_names(f"To From DateSent DateSent< DateSent> {_PAGE}"))
LIST_CALLS = Form(
    _names(f"To From Status ParentCallSid StartTime StartTime< StartTime> EndTime EndTime< EndTime> {_PAGE}")
)
LIST_NUMBERS = Form(_names(f"PhoneNumber FriendlyName {_PAGE}"), _names("Beta Origin"))
# All of these are free, in the United States, and take texts and calls.
LIST_AVAILABLE = Form(
    _names("AreaCode SmsEnabled MmsEnabled VoiceEnabled ExcludeAllAddressRequired Beta PageSize"),
    _names("Contains InRegion InPostalCode InLocality InLata InRateCenter NearNumber NearLatLong Distance FaxEnabled"),
)
LIST_RECORDINGS = Form(
    _names(f"CallSid ConferenceSid DateCreated DateCreated< DateCreated> {_PAGE}"), _names("IncludeSoftDeleted")
)
LIST_MEDIA = Form(_names(f"DateCreated DateCreated< DateCreated> {_PAGE}"))
LIST_CONFERENCES = Form(
    _names(f"FriendlyName Status DateCreated DateCreated< DateCreated> {_PAGE}"),
    _names("DateUpdated DateUpdated< DateUpdated>"),
)
LIST_PARTICIPANTS = Form(_names(f"Muted Hold {_PAGE}"), _names("Coaching"))
LIST_SERVICES = Form(_names(_PAGE))
LIST_ALERTS = Form(_names(f"LogLevel StartDate EndDate {_PAGE}"))


def url_of(values: Mapping[str, str], name: str, code: int) -> str | None:
    """A URL that the simulator may request, or None for none. Raises RestError `code`."""
    url = values.get(name) or None
    if url is not None and not may_request(url):
        raise RestError(code, f"{url} (the simulator connects to loopback addresses only)")
    return url


def method_of(values: Mapping[str, str], name: str, code: int = 20001) -> str:
    """GET or POST, the default. Raises RestError `code`."""
    method = values.get(name, "POST").upper()
    if method not in ("GET", "POST"):
        raise RestError(code, f"{name} must be GET or POST")
    return method


def flag_of(value: str) -> bool:
    """true or false, as the libraries send them. Raises RestError 20001."""
    if value.lower() not in ("true", "false"):
        raise RestError(20001, f"{value!r} is not true or false")
    return value.lower() == "true"


def integer(values: Mapping[str, str], name: str, default: int, minimum: int, maximum: int, code: int = 20001) -> int:
    """An integer field within its bounds. Raises RestError `code`."""
    text = values.get(name, "")
    if text == "":
        return default
    if not re.fullmatch(r"[0-9]{1,9}", text) or not minimum <= int(text) <= maximum:
        raise RestError(code, f"{name} must be a whole number from {minimum} to {maximum}, not {text!r}")
    return int(text)
