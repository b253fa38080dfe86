"""Programs that reach many people: a recorded broadcast by phone, a notice by text, and a group call."""

from flask import Flask, request, url_for
from twilio.base.exceptions import TwilioRestException
from twilio.twiml.voice_response import Dial, VoiceResponse

from tests.support.network import JANE, LINE, wait_for

XML = {"Content-Type": "text/xml"}
STAFF = ["+16035550131", "+16035550132"]
BUSY, LANDLINE = "+16035550180", "+16035550192"


def test_a_recorded_message_is_played_to_everybody_and_the_busy_ones_are_known(serve, phone):
    app = Flask("conference_broadcast")
    statuses = {}

    @app.post("/broadcast")
    def broadcast():
        answer = VoiceResponse()
        answer.say("Please record your message after the beep. Press star to end it.")
        answer.record(action=url_for("send"), finish_on_key="*")
        return str(answer), XML

    @app.post("/broadcast/send")
    def send():
        for number in [*STAFF, BUSY]:
            network.client().calls.create(
                from_=LINE, to=number, status_callback=url_for("status", _external=True),
                url=url_for("play", recording_url=request.form["RecordingUrl"], _external=True),
            )  # fmt: skip
        answer = VoiceResponse()
        answer.say("The broadcast is on its way.")
        return str(answer), XML

    @app.post("/broadcast/play")
    def play():
        answer = VoiceResponse()
        answer.play(request.args["recording_url"])
        return str(answer), XML

    @app.post("/broadcast/status")
    def status():
        statuses[request.form["To"]] = request.form["CallStatus"]
        return "", 204

    network = serve(app, voice_webhook="/broadcast")
    phone(network).calls().hears("record your message").says("the office is closed today").hears("on its way").is_over()
    [recording] = network.client().recordings.list()
    for number in STAFF:
        [call] = network.client().calls.list(to=number)
        phone(network).answers(call.sid).hears(recording.sid).is_over()
    wait_for(lambda: statuses == {**dict.fromkeys(STAFF, "completed"), BUSY: "busy"})


def test_everybody_is_called_into_one_conference_which_ends_with_its_host(serve, phone):
    app = Flask("group_call")

    @app.post("/voice")
    def voice():
        for number in STAFF:
            network.client().calls.create(from_=LINE, to=number, url=url_for("join", host="", _external=True))
        return join(host="yes")

    @app.post("/join")
    def join(host=""):
        answer, dial = VoiceResponse(), Dial()
        host = host or request.args.get("host", "")
        dial.conference("standup", start_conference_on_enter=bool(host), end_conference_on_exit=bool(host), beep=False)
        answer.append(dial)
        return str(answer), XML

    network = serve(app)
    client = network.client()
    host = phone(network).calls().rings("conference:standup")
    guests = [phone(network, number).answers(client.calls.list(to=number)[0].sid) for number in STAFF]
    [room] = client.conferences.list(friendly_name="standup", status="in-progress")
    assert len(client.conferences(room.sid).participants.list()) == 3
    host.does(hangup=True)
    for guest in guests:
        wait_for(lambda guest=guest: client.calls(guest.sid).fetch().status == "completed")
    assert client.conferences(room.sid).fetch().status == "completed"


def test_a_notice_reaches_everybody_but_the_landline_and_who_opted_out(serve):
    app = Flask("notifications")
    failed = {}

    @app.post("/status")
    def status():
        if "ErrorCode" in request.form:
            failed[request.form["To"]] = request.form["ErrorCode"]
        return "", 204

    @app.post("/sms")
    def sms():
        return "", 204

    network = serve(app)
    client = network.client()
    network.text("STOP", sender=JANE)
    for number in [JANE, *STAFF, LANDLINE]:
        try:
            client.messages.create(
                to=number, from_=LINE, body="We close at noon.", status_callback=network.line.url + "/status"
            )
        except TwilioRestException as error:
            failed[number] = str(error.code)
    wait_for(lambda: failed == {JANE: "21610", LANDLINE: "30006"})
    wait_for(lambda: all(client.messages.list(to=number)[0].status == "delivered" for number in STAFF))
