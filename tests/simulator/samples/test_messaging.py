"""Programs that text: conversations with cookies, reminders, masked numbers, replies with pictures, lost receipts."""

import urllib.request
from datetime import UTC, datetime, timedelta

from flask import Flask, redirect, request, session
from twilio.twiml.messaging_response import MessagingResponse
from twilio.twiml.voice_response import VoiceResponse

from tests.support.network import JANE, LINE, SERVICE, wait_for

XML = {"Content-Type": "text/xml"}
JOHN = "+16035550124"


def test_a_conversation_is_counted_in_a_session_cookie(serve):
    app = Flask("sms_with_cookies")
    app.secret_key = "a-key"  # noqa: S105

    @app.route("/sms", methods=["GET", "POST"])
    def sms():
        session["count"] = session.get("count", 0) + 1
        answer = MessagingResponse()
        answer.message(f"{request.values['From']} has written {session['count']} times.")
        return str(answer), XML

    network = serve(app)
    assert [network.text("hi")[1]["replies"][0] for _ in range(3)][-1] == f"{JANE} has written 3 times."
    assert network.text("hi", sender=JOHN)[1]["replies"] == [f"{JOHN} has written 1 times."]


def test_an_appointment_reminder_is_scheduled_canceled_and_confirmed(serve):
    app = Flask("appointment_reminders")
    confirmed, receipts = [], []

    @app.post("/sms")
    def sms():
        answer = MessagingResponse()
        if request.form["Body"].strip().lower() == "c":
            confirmed.append(request.form["From"])
            answer.message("Thank you. See you on Tuesday.")
        return str(answer), XML

    @app.post("/status")
    def status():
        receipts.append((request.form["MessageSid"], request.form["MessageStatus"]))
        return "", 204

    network = serve(app)
    client = network.client()

    def remind(**more):
        return client.messages.create(
            to=JANE, messaging_service_sid=SERVICE, body="Your appointment is on Tuesday. Reply C to confirm.",
            status_callback=network.line.url + "/status", **more,
        )  # fmt: skip

    later = remind(send_at=datetime.now(UTC) + timedelta(days=2), schedule_type="fixed")
    assert client.messages(later.sid).update(status="canceled").status == "canceled"
    sent = remind()
    wait_for(lambda: {(later.sid, "canceled"), (sent.sid, "delivered")} <= set(receipts))
    assert network.text("C")[1]["replies"] == ["Thank you. See you on Tuesday."]
    assert (confirmed, network.text("what?")[1]["replies"]) == ([JANE], [])


def test_two_people_text_and_call_each_other_through_a_bought_number(serve, phone):
    app = Flask("masked_numbers")
    pairs = {}

    def other():
        return pairs[request.form["To"]][request.form["From"]]

    @app.post("/exchange/sms")
    def exchange_sms():
        answer = MessagingResponse()
        answer.message(request.form["Body"], to=other())
        return str(answer), XML

    @app.post("/exchange/voice")
    def exchange_voice():
        answer = VoiceResponse()
        answer.dial(other(), caller_id=request.form["To"])
        return str(answer), XML

    network = serve(app)
    client = network.client()
    available = client.available_phone_numbers("US").local.list(area_code=802, sms_enabled=True, limit=1)
    bought = client.incoming_phone_numbers.create(
        phone_number=available[0].phone_number, sms_url=network.line.url + "/exchange/sms",
        voice_url=network.line.url + "/exchange/voice",
    )  # fmt: skip
    masked = bought.phone_number
    pairs[masked] = {JANE: JOHN, JOHN: JANE}
    assert masked.startswith("+1802")
    network.text("Is it still free?", sender=JANE, to=masked)
    network.text("Yes, it is.", sender=JOHN, to=masked)
    assert [(text.from_, text.body) for text in client.messages.list(to=JOHN)] == [(masked, "Is it still free?")]
    assert [(text.from_, text.body) for text in client.messages.list(to=JANE)] == [(masked, "Yes, it is.")]
    phone(network, JOHN).calls(masked).rings(JANE)


def test_a_picture_is_saved_and_answered_with_a_picture(serve):
    app = Flask("pictures")
    saved = []

    @app.post("/sms")
    def sms():
        for number in range(int(request.form["NumMedia"])):
            with urllib.request.urlopen(request.form[f"MediaUrl{number}"]) as picture:
                saved.append((picture.read(), request.form[f"MediaContentType{number}"]))
        answer = MessagingResponse()
        message = answer.message()
        message.body("Thanks for the picture.")
        message.media("https://example.com/owl.png")
        return str(answer), XML

    network = serve(app)
    assert network.text("", media=1)[1]["replies"] == ["Thanks for the picture."]
    assert (saved[0][0][:4], saved[0][1]) == (b"\x89PNG", "image/png")
    [reply] = network.client().messages.list(to=JANE)
    assert (reply.num_media, reply.sid[:2]) == ("1", "MM")


def test_an_app_that_moved_and_one_that_fails_are_answered_by_the_new_address_and_the_fallback(serve):
    app = Flask("moved")

    @app.post("/sms")
    def sms():
        return redirect("/new", 307)

    @app.post("/new")
    def new():
        if request.form["Body"] == "fail":
            raise RuntimeError("a fault of this app")
        answer = MessagingResponse()
        answer.message("You wrote " + request.form["Body"])
        return str(answer), XML

    @app.post("/fallback")
    def fallback():
        answer = MessagingResponse()
        answer.message(f"Sorry, error {request.form['ErrorCode']}.")
        return str(answer), XML

    network = serve(app, sms_fallback="/fallback")
    assert network.text("hello")[1]["replies"] == ["You wrote hello"]
    assert network.text("fail")[1]["replies"] == ["Sorry, error 11200."]
    assert [alert.error_code for alert in network.client().monitor.v1.alerts.list()] == ["11200"]


def test_a_code_is_sent_and_the_message_redacted_once_it_has_arrived(serve):
    network = serve(Flask("verification"))
    client = network.client()
    sent = client.messages.create(to=JANE, from_=LINE, body="Your code is 4821")
    wait_for(lambda: client.messages(sent.sid).fetch().status == "delivered")
    client.messages(sent.sid).update(body="")
    assert [text.body for text in client.messages.list()] == [""]
