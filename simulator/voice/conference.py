"""Conferences: https://www.twilio.com/docs/voice/twiml/conference

A call joins when its `<Dial><Conference>` runs, and leaves when the person hangs up, is removed, or the conference
ends. The conference starts when there are two participants, and one of them may start it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from simulator.resource import API_VERSION, new_sid, rfc2822
from simulator.twiml.document import Element
from simulator.voice.dial import conference_of, time_limit_of
from simulator.voice.progress import notify
from simulator.voice.recording import add_recording, report_recording
from simulator.webhook import Webhook

if TYPE_CHECKING:
    from simulator.account import Account
    from simulator.voice.call import Call

_EVENT_NAMES = {
    "start": "conference-start",
    "end": "conference-end",
    "join": "participant-join",
    "leave": "participant-leave",
    "mute": "participant-mute",
    "unmute": "participant-unmute",
    "hold": "participant-hold",
    "unhold": "participant-unhold",
}
_SUBSCRIPTIONS = {"unmute": "mute", "unhold": "hold"}


@dataclass
class Participant:
    """One call in a conference."""

    call: Call
    joined: datetime
    label: str | None
    starts: bool
    ends: bool
    muted: bool
    hold: bool = False
    status: str = "connected"
    updated: datetime | None = None

    def resource(self, conference: Conference) -> dict[str, Any]:
        sid = self.call.settings.account_sid
        return {
            "account_sid": sid,
            "call_sid": self.call.sid,
            "call_sid_to_coach": None,
            "coaching": False,
            "conference_sid": conference.sid,
            "date_created": rfc2822(self.joined),
            "date_updated": rfc2822(self.updated or self.joined),
            "end_conference_on_exit": self.ends,
            "hold": self.hold,
            "label": self.label,
            "muted": self.muted,
            "queue_time": None,
            "start_conference_on_enter": self.starts,
            "status": self.status,
            "uri": f"/{API_VERSION}/Accounts/{sid}/Conferences/{conference.sid}/Participants/{self.call.sid}.json",
        }


@dataclass
class Conference:
    """status: init, in-progress or completed. participants: by the SID of their call. callback: of its events.

    recorded: the `<Conference>` that asks for a recording, and what its URLs are relative to.
    """

    name: str
    created: datetime
    account: Account
    status: str = "init"
    participants: dict[str, Participant] = field(default_factory=dict)
    callback: Webhook | None = None
    events: tuple[str, ...] = ()
    sent: int = 0
    updated: datetime | None = None
    started: datetime | None = None
    recorded: tuple[Element, str] | None = None
    ended_by: str | None = None
    reason: str | None = None
    sid: str = field(default_factory=lambda: new_sid("CF"))

    def resource(self) -> dict[str, Any]:
        sid = self.account.settings.account_sid
        uri = f"/{API_VERSION}/Accounts/{sid}/Conferences/{self.sid}"
        return {
            "account_sid": sid,
            "api_version": API_VERSION,
            "call_sid_ending_conference": self.ended_by,
            "date_created": rfc2822(self.created),
            "date_updated": rfc2822(self.updated or self.created),
            "friendly_name": self.name,
            "reason_conference_ended": self.reason,
            "region": "us1",
            "sid": self.sid,
            "status": self.status,
            "subresource_uris": {
                "participants": f"{uri}/Participants.json",
                "recordings": f"{uri}/Recordings.json",
            },
            "uri": f"{uri}.json",
        }

    def report(self, event: str, participant: Participant) -> None:
        """Post an event of the conference or of one participant, if the callback asks for it."""
        if self.callback is None or _SUBSCRIPTIONS.get(event, event) not in self.events:
            return
        settings = self.account.settings
        params = {
            "AccountSid": settings.account_sid,
            "CallSid": participant.call.sid,
            "ConferenceSid": self.sid,
            "EndConferenceOnExit": _bool(participant.ends),
            "FriendlyName": self.name,
            "Hold": _bool(participant.hold),
            "Muted": _bool(participant.muted),
            "SequenceNumber": str(self.sent + 1),
            "StartConferenceOnEnter": _bool(participant.starts),
            "StatusCallbackEvent": _EVENT_NAMES[event],
            "Timestamp": settings.now().strftime("%a, %d %b %Y %H:%M:%S +0000"),
        }
        if participant.label:
            params["ParticipantLabel"] = participant.label
        self.sent += 1
        notify(self.account, participant.call.scheduler, self.callback, params, "the status callback of a conference")


def _bool(value: bool) -> str:
    return "true" if value else "false"


def follow(call: Call) -> None:
    """Let the call join or leave a conference, as its TwiML now says."""
    element = None if call.ended or call.leg.ended else conference_of(call.leg.waiting)
    with call.account.lock:
        current = call.conference
        if current is not None and (element is None or current.name != element.text):
            leave(call)
        if element is not None and call.conference is None:
            _join(call, element)


def conference_named(account: Account, name: str) -> Conference:
    """The conference with this name that is not over; a new one if there is none."""
    with account.lock:
        rooms = (room for room in account.conferences.values() if room.name == name and room.status != "completed")
        conference = next(rooms, None)
        if conference is None:
            conference = Conference(name, account.settings.now(), account)
            account.conferences[conference.sid] = conference
    return conference


def _join(call: Call, element: Element) -> None:
    now = call.settings.now()
    conference = conference_named(call.account, element.text)
    _subscribe(conference, call, element)
    participant = Participant(
        call,
        now,
        element.attributes.get("participantLabel"),
        starts=element.get("startConferenceOnEnter", "true") == "true",
        ends=element.get("endConferenceOnExit", "false") == "true",
        muted=element.get("muted", "false") == "true",
    )
    conference.participants[call.sid] = participant
    conference.updated, call.conference = now, conference
    _limit_stay(conference, participant)
    conference.report("join", participant)
    members = conference.participants.values()
    if conference.status == "init" and len(members) > 1 and any(member.starts for member in members):
        conference.status, conference.started = "in-progress", now
        conference.report("start", participant)


def _limit_stay(conference: Conference, participant: Participant) -> None:
    """Take a call out after the timeLimit of its `<Dial>`, if it is still there."""
    call = participant.call
    limit = time_limit_of(call.leg.waiting)

    def end() -> None:
        if conference.participants.get(call.sid) is participant:
            remove(participant)

    if limit:
        call.scheduler.call_later(limit, end)


def _subscribe(conference: Conference, call: Call, element: Element) -> None:
    """The first participant that names a callback, or asks for a recording, decides."""
    url, events = element.attributes.get("statusCallback"), element.get("statusCallbackEvent", "")
    if url and conference.callback is None:
        method = element.get("statusCallbackMethod", "POST").upper()
        conference.callback, conference.events = Webhook(urljoin(call.leg.url, url), method), tuple(events.split())
    if element.get("record", "do-not-record") == "record-from-start" and conference.recorded is None:
        conference.recorded = element, call.leg.url


def leave(call: Call) -> None:
    """The call leaves its conference, which may end it for all."""
    conference = call.conference
    if conference is None:
        return
    with call.account.lock:
        call.conference = None
        participant = conference.participants.pop(call.sid, None)
        if participant is None:
            return
        conference.updated = call.settings.now()
        conference.report("leave", participant)
        if participant.ends or not conference.participants:
            reason = "participant-with-end-conference-on-exit-left" if participant.ends else "last-participant-left"
            end_conference(conference, reason, participant)


def end_conference(conference: Conference, reason: str, by: Participant) -> None:
    """Let everybody leave; their documents continue."""
    with conference.account.lock:
        if conference.status == "completed":
            return
        conference.status, conference.reason, conference.ended_by = "completed", reason, by.call.sid
        conference.report("end", by)
        _record(conference, by.call)
        rest = list(conference.participants.values())
        conference.participants.clear()
    for participant in rest:
        participant.call.conference = None
        # Each of them has a lock of its own, which a webhook under way may hold.
        participant.call.scheduler.submit(participant.call.leave_dial)


def _record(conference: Conference, call: Call) -> None:
    """Store the recording of a conference that is over, if a participant has asked for one, and report it."""
    if conference.recorded is None or conference.started is None:
        return
    element, base = conference.recorded
    seconds = round((call.settings.now() - conference.started).total_seconds())
    recording = add_recording(call, "Conference", max(seconds, 1), conference_sid=conference.sid)
    report_recording(call, element, recording, base)


def remove(participant: Participant) -> None:
    """A REST request takes one call out."""
    participant.call.scheduler.submit(participant.call.leave_dial)
