"""Recordings: of `<Record>`, of a `<Dial>` and of a REST request. They are silent, and as long as what was said.

https://www.twilio.com/docs/voice/twiml/record and https://www.twilio.com/docs/voice/api/recording
"""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from simulator.resource import API_VERSION, new_sid, rfc2822
from simulator.twiml.document import Element
from simulator.voice.progress import notify
from simulator.webhook import NoAnswer, Webhook

if TYPE_CHECKING:
    from simulator.voice.call import Call

WORDS_PER_SECOND = 2.5
KEY_SECONDS = 5
SAMPLE_RATE = 8000
MAX_AUDIO_SECONDS = 600
ANY_KEY = "1234567890*#"

# One frame of silence: MPEG-1 layer III, 128 kbit/s, 44.1 kHz, mono.
_MP3_FRAME = bytes.fromhex("fffb90c4") + bytes(413)
_MP3_FRAMES_PER_SECOND = 44_100 / 1152


@dataclass
class Recording:
    """seconds: its length. source: RecordVerb, DialVerb, OutboundAPI or Conference. words: what was said, if known."""

    call_sid: str
    created: datetime
    seconds: int
    source: str
    words: str = ""
    channels: int = 1
    status: str = "completed"
    conference_sid: str | None = None
    sid: str = field(default_factory=lambda: new_sid("RE"))

    def resource(self, account_sid: str) -> dict[str, Any]:
        uri = f"/{API_VERSION}/Accounts/{account_sid}/Recordings/{self.sid}"
        return {
            "account_sid": account_sid,
            "api_version": API_VERSION,
            "call_sid": self.call_sid,
            "channels": self.channels,
            "conference_sid": self.conference_sid,
            "date_created": rfc2822(self.created),
            "date_updated": rfc2822(self.created),
            "duration": str(self.seconds) if self.status == "completed" else None,
            "encryption_details": None,
            "error_code": None,
            "media_url": f"https://api.twilio.com{uri}",
            "price": None,
            "price_unit": "USD",
            "sid": self.sid,
            "source": self.source,
            "start_time": rfc2822(self.created),
            "status": self.status,
            "subresource_uris": {"transcriptions": f"{uri}/Transcriptions.json"},
            "track": "both",
            "uri": f"{uri}.json",
        }

    def wav(self) -> bytes:
        """8 kHz, 16-bit, mono."""
        file = io.BytesIO()
        with wave.open(file, "wb") as audio:
            audio.setnchannels(1)
            audio.setsampwidth(2)
            audio.setframerate(SAMPLE_RATE)
            audio.writeframes(bytes(2 * SAMPLE_RATE * min(self.seconds, MAX_AUDIO_SECONDS)))
        return file.getvalue()

    def mp3(self) -> bytes:
        return _MP3_FRAME * round(min(self.seconds, MAX_AUDIO_SECONDS) * _MP3_FRAMES_PER_SECOND)


def add_recording(
    call: Call, source: str, seconds: int, words: str = "", conference_sid: str | None = None
) -> Recording:
    recording = Recording(call.sid, call.settings.now(), seconds, source, words, conference_sid=conference_sid)
    with call.account.lock:
        call.account.recordings[recording.sid] = recording
    return recording


def recording_url(call: Call, recording: Recording) -> str:
    return f"{call.account.address}/Recordings/{recording.sid}"


def seconds_of(words: str) -> int:
    """How long it takes to say words, at least a second."""
    return max(1, round(len(words.split()) / WORDS_PER_SECOND))


def end_record(call: Call, words: str = "", keys: str = "") -> None:
    """The caller of a `<Record>` has spoken, then pressed a key that ends it, or stayed silent until the timeout.

    Without words or keys nothing was recorded, and the document continues.
    """
    record = call.leg.waiting
    if record is None:
        return
    if not words and not keys:
        call.leg.end_record(None)
        return
    ending = next((key for key in keys if key in record.get("finishOnKey", ANY_KEY)), "")
    with _finished(call, record, words, ending) as params:
        call.leg.end_record(params)


def hang_up_record(call: Call, words: str = "") -> None:
    """The caller hangs up while recording: the line gets the action, and its answer is ignored."""
    record = call.leg.waiting
    if record is None:
        return
    call.status = "completed"
    url = urljoin(call.leg.url, record.get("action", ""))
    try:
        with _finished(call, record, words, "hangup") as params:
            call.fetch(record.get("method", "POST").upper(), url, params)
    except NoAnswer as error:
        call.log_error(error.code, url, str(error))


@contextmanager
def _finished(call: Call, record: Element, words: str, digits: str) -> Iterator[dict[str, str]]:
    """Store the recording, and give the parameters of the action, which is requested before the callbacks."""
    seconds = min(seconds_of(words) if words else KEY_SECONDS, int(record.get("maxLength", "3600")))
    recording = add_recording(call, "RecordVerb", seconds, words)
    base = call.leg.url
    try:
        yield {
            "Digits": digits,
            "RecordingDuration": str(seconds),
            "RecordingSid": recording.sid,
            "RecordingUrl": recording_url(call, recording),
        }
    finally:
        report_recording(call, record, recording, base)
        _transcribe(call, record, recording, base)


def report_recording(call: Call, element: Element, recording: Recording, base: str) -> None:
    """Post the recordingStatusCallback of a verb: it is completed. base: what its URL is relative to."""
    callback = element.attributes.get("recordingStatusCallback")
    if not callback or "completed" not in element.get("recordingStatusCallbackEvent", "completed").split():
        return
    method = element.get("recordingStatusCallbackMethod", "POST").upper()
    webhook = Webhook(urljoin(base, callback), method)
    post_recording_status(call, webhook, recording)


def post_recording_status(call: Call, webhook: Webhook, recording: Recording) -> None:
    params = {
        "AccountSid": call.settings.account_sid,
        "CallSid": call.sid,
        "ErrorCode": "0",
        "RecordingChannels": str(recording.channels),
        "RecordingSid": recording.sid,
        "RecordingSource": recording.source,
        "RecordingStartTime": rfc2822(recording.created) or "",
        "RecordingStatus": recording.status,
        "RecordingTrack": "both",
        "RecordingUrl": recording_url(call, recording),
    }
    if recording.status == "completed":
        params["RecordingDuration"] = str(recording.seconds)
    if recording.conference_sid:
        params["ConferenceSid"] = recording.conference_sid
    notify(call.account, call.scheduler, webhook, params, "the status callback of a recording")


def _transcribe(call: Call, record: Element, recording: Recording, base: str) -> None:
    """Post what was said, as the person's phone gave it, if the verb asks for it."""
    callback = record.attributes.get("transcribeCallback")
    if not callback:
        return
    sid = new_sid("TR")
    params = {
        **call.params(),
        "RecordingSid": recording.sid,
        "RecordingUrl": recording_url(call, recording),
        "TranscriptionSid": sid,
        "TranscriptionStatus": "completed",
        "TranscriptionText": recording.words,
        "TranscriptionType": "fast",
        "TranscriptionUrl": f"{recording_url(call, recording)}/Transcriptions/{sid}",
    }
    webhook = Webhook(urljoin(base, callback))
    notify(call.account, call.scheduler, webhook, params, "the callback of a transcription")
