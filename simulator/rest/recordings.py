"""https://www.twilio.com/docs/voice/api/recording and https://www.twilio.com/docs/voice/api/recording-transcription"""

from flask import Response, jsonify, request

from simulator.rest.endpoint import Endpoint, Route, deleted
from simulator.rest.errors import RestError
from simulator.rest.fields import LIST_RECORDINGS
from simulator.rest.listing import paginate, period
from simulator.voice.recording import Recording


class Recordings(Endpoint):
    """Recordings of the account or of one call, and their sound."""

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("/Recordings.json", "GET", self.list_recordings),
            Route("/Recordings/<sid>.json", "GET", self.get),
            Route("/Recordings/<sid>.json", "DELETE", self.delete),
            Route("/Recordings/<sid>.wav", "GET", self.wav, public=True),
            Route("/Recordings/<sid>.mp3", "GET", self.mp3, public=True),
            Route("/Recordings/<sid>", "GET", self.wav, public=True),
            Route("/Recordings/<sid>", "DELETE", self.delete),
            Route("/Calls/<call_sid>/Recordings.json", "GET", self.list_recordings),
            Route("/Calls/<call_sid>/Recordings/<sid>.json", "GET", self.get),
            Route("/Calls/<call_sid>/Recordings/<sid>.json", "DELETE", self.delete),
            Route("/Conferences/<conference_sid>/Recordings.json", "GET", self.list_recordings),
        )

    def list_recordings(self, call_sid: str = "", conference_sid: str = "") -> Response:
        self.check(LIST_RECORDINGS, request.args)
        call_sid = call_sid or request.args.get("CallSid", "")
        conference_sid = conference_sid or request.args.get("ConferenceSid", "")
        created = period(request.args, "DateCreated")
        with self.account.lock:
            found = [
                recording
                for recording in reversed(self.account.recordings.values())
                if (not call_sid or recording.call_sid == call_sid)
                and (not conference_sid or recording.conference_sid == conference_sid)
                and created(recording.created)
            ]
        account = self.account.settings.account_sid
        return jsonify(
            paginate(
                found,
                request.args,
                request.path,
                "recordings",
                lambda recording: recording.resource(account),
                lambda recording: recording.sid,
            )
        )

    def get(self, sid: str, call_sid: str = "") -> Response:
        return jsonify(self._recording(sid, call_sid).resource(self.account.settings.account_sid))

    def delete(self, sid: str, call_sid: str = "") -> Response:
        recording = self._recording(sid, call_sid)
        with self.account.lock:
            self.account.recordings.pop(recording.sid, None)
        return deleted()

    def wav(self, sid: str) -> Response:
        return Response(self._recording(sid).wav(), mimetype="audio/x-wav")

    def mp3(self, sid: str) -> Response:
        return Response(self._recording(sid).mp3(), mimetype="audio/mpeg")

    def _recording(self, sid: str, call_sid: str = "") -> Recording:
        recording = self.account.recordings.get(sid)
        if recording is None or (call_sid and recording.call_sid != call_sid):
            raise RestError(20404, request.path)
        return recording
