"""https://www.twilio.com/docs/voice/api/conference-resource and .../conference-participant-resource"""

from xml.etree import ElementTree

from flask import Response, jsonify, request
from werkzeug.datastructures import MultiDict

from simulator.rest.endpoint import Endpoint, Route, created, deleted
from simulator.rest.errors import RestError
from simulator.rest.fields import (
    CALL,
    CREATE_PARTICIPANT,
    LIST_CONFERENCES,
    LIST_PARTICIPANTS,
    PARTICIPANT_ATTRIBUTES,
    UPDATE_CONFERENCE,
    UPDATE_PARTICIPANT,
    flag_of,
    url_of,
)
from simulator.rest.listing import paginate, period
from simulator.voice.conference import Conference, Participant, conference_named, end_conference, remove
from simulator.voice.outbound import create_call


class Conferences(Endpoint):
    """Conferences and the calls in them."""

    def routes(self) -> tuple[Route, ...]:
        one = "/Conferences/<sid>/Participants/<call_sid>.json"
        return (
            Route("/Conferences.json", "GET", self.list_conferences),
            Route("/Conferences/<sid>.json", "GET", self.get),
            Route("/Conferences/<sid>.json", "POST", self.update),
            Route("/Conferences/<sid>/Participants.json", "GET", self.list_participants),
            Route("/Conferences/<sid>/Participants.json", "POST", self.add_participant),
            Route(one, "GET", self.get_participant),
            Route(one, "POST", self.update_participant),
            Route(one, "DELETE", self.remove_participant),
        )

    def list_conferences(self) -> Response:
        self.check(LIST_CONFERENCES, request.args)
        name, status = request.args.get("FriendlyName"), request.args.get("Status")
        in_period = period(request.args, "DateCreated")
        with self.account.lock:
            found = [
                room
                for room in reversed(self.account.conferences.values())
                if (not name or room.name == name) and (not status or room.status == status) and in_period(room.created)
            ]
        return jsonify(
            paginate(found, request.args, request.path, "conferences", Conference.resource, lambda room: room.sid)
        )

    def get(self, sid: str) -> Response:
        return jsonify(self._conference(sid).resource())

    def update(self, sid: str) -> Response:
        """Status=completed ends it for all."""
        room = self._conference(sid)
        self.check(UPDATE_CONFERENCE, request.form)
        if request.form.get("Status", "completed") != "completed":
            raise RestError(20001, "Status must be completed")
        members = list(room.participants.values())
        if "Status" in request.form and members:
            end_conference(room, "conference-ended-via-api", members[0])
        return jsonify(room.resource())

    def list_participants(self, sid: str) -> Response:
        self.check(LIST_PARTICIPANTS, request.args)
        room = self._conference(sid)
        flags = {name: request.args.get(name) for name in ("Muted", "Hold")}
        with self.account.lock:
            found = [
                member
                for member in room.participants.values()
                if all(
                    value is None or flag_of(value) == actual
                    for value, actual in ((flags["Muted"], member.muted), (flags["Hold"], member.hold))
                )
            ]
        return jsonify(
            paginate(
                found,
                request.args,
                request.path,
                "participants",
                lambda member: member.resource(room),
                lambda member: member.call.sid,
            )
        )

    def add_participant(self, sid: str) -> Response:
        """Call a phone, which joins when it is answered. sid: of a conference, or the name of one that may be new."""
        self.check(CREATE_PARTICIPANT, request.form)
        form, room = request.form, self.account.conferences.get(sid)
        element = _conference(room.name if room else sid, form)
        fields = MultiDict((name, value) for name, value in form.items(multi=True) if name in CALL)
        fields["Twiml"] = f"<Response><Dial>{ElementTree.tostring(element, 'unicode')}</Dial></Response>"
        call = create_call(self.account, self.scheduler, fields)
        member = Participant(
            call,
            call.created,
            form.get("Label"),
            starts=element.get("startConferenceOnEnter") != "false",
            ends=element.get("endConferenceOnExit") == "true",
            muted=element.get("muted") == "true",
            status="queued",
        )
        return created(member.resource(room or conference_named(self.account, sid)))

    def get_participant(self, sid: str, call_sid: str) -> Response:
        room = self._conference(sid)
        return jsonify(self._participant(room, call_sid).resource(room))

    def update_participant(self, sid: str, call_sid: str) -> Response:
        room = self._conference(sid)
        member = self._participant(room, call_sid)
        self.check(UPDATE_PARTICIPANT, request.form)
        form = request.form
        with self.account.lock:
            if "EndConferenceOnExit" in form:
                member.ends = flag_of(form["EndConferenceOnExit"])
            if "Muted" in form and member.muted != (muted := flag_of(form["Muted"])):
                member.muted = muted
                room.report("mute" if muted else "unmute", member)
            if "Hold" in form and member.hold != (hold := flag_of(form["Hold"])):
                member.hold = hold
                room.report("hold" if hold else "unhold", member)
            member.updated = self.account.settings.now()
        return jsonify(member.resource(room))

    def remove_participant(self, sid: str, call_sid: str) -> Response:
        room = self._conference(sid)
        remove(self._participant(room, call_sid))
        return deleted()

    def _conference(self, sid: str) -> Conference:
        room = self.account.conferences.get(sid)
        if room is None:
            raise RestError(20404, request.path)
        return room

    def _participant(self, room: Conference, name: str) -> Participant:
        """By the SID of the call, or by the label."""
        with self.account.lock:
            labeled = (member for member in room.participants.values() if member.label == name)
            member = room.participants.get(name) or next(labeled, None)
        if member is None:
            raise RestError(20404, request.path)
        return member


_RECORD = {"true": "record-from-start", "false": "do-not-record"}


def _conference(name: str, form: MultiDict[str, str]) -> ElementTree.Element:
    """The `<Conference>` that a new participant joins. Raises RestError 21609 for a callback on another machine."""
    element = ElementTree.Element("Conference")
    element.text = name
    url_of(form, "ConferenceRecordingStatusCallback", 21609)
    if url_of(form, "ConferenceStatusCallback", 21609):
        element.set("statusCallbackEvent", "start end")
    for field, attribute in PARTICIPANT_ATTRIBUTES.items():
        if field in form:
            # A list is one field for each of its values.
            value = " ".join(form.getlist(field))
            element.set(attribute, _RECORD.get(value, value) if attribute == "record" else value)
    return element
