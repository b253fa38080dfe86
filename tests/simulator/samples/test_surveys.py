"""A survey by text and by voice in one program, which redirects from question to question and remembers in cookies."""

from flask import Flask, redirect, request, session, url_for
from twilio.twiml.messaging_response import MessagingResponse
from twilio.twiml.voice_response import VoiceResponse

from tests.support.network import JANE, wait_for

XML = {"Content-Type": "text/xml"}
JOHN = "+16035550124"
QUESTIONS = [("Please leave a message.", "text"), ("How old are you?", "numeric"), ("Is it warm? 1 or 0.", "boolean")]


def spoken(number):
    """A question in a call."""
    answer = VoiceResponse()
    words, kind = QUESTIONS[number]
    answer.say(words)
    action = url_for("reply", number=number)
    if kind == "text":
        answer.record(action=action, transcribe_callback=url_for("transcription", number=number))
    else:
        answer.gather(action=action, num_digits=2 if kind == "numeric" else 1)
    return str(answer), XML


def texted(words):
    answer = MessagingResponse()
    answer.message(words)
    return str(answer), XML


def next_question(answer, number):
    answer.redirect(url_for("question", number=number), method="GET")
    return str(answer), XML


def survey(answers):
    app = Flask("automated_survey")
    app.secret_key = "a-key"  # noqa: S105

    @app.post("/message")
    def message():
        if "question" in session:
            return redirect(url_for("reply", number=session["question"]), 307)
        answer = MessagingResponse()
        answer.message("Welcome to our survey.")
        return next_question(answer, 0)

    @app.post("/voice")
    def voice():
        answer = VoiceResponse()
        answer.say("Welcome to our survey.")
        return next_question(answer, 0)

    @app.get("/question/<int:number>")
    def question(number):
        session["question"] = number
        return texted(QUESTIONS[number][0]) if "MessageSid" in request.args else spoken(number)

    @app.post("/answer/<int:number>")
    def reply(number):
        is_text = "MessageSid" in request.form
        given = request.form["Body"] if is_text else request.form["Digits"]
        answers.setdefault(request.form["From"], {})[number] = given
        answer = MessagingResponse() if is_text else VoiceResponse()
        if number + 1 < len(QUESTIONS):
            return next_question(answer, number + 1)
        session.pop("question")
        (answer.message if is_text else answer.say)("Thank you.")
        return str(answer), XML

    @app.post("/answer/transcription/<int:number>")
    def transcription(number):
        answers[request.form["From"]][number] = request.form["TranscriptionText"]
        return "", 204

    return app


def test_two_people_answer_the_survey_by_text_each_at_their_own_question(serve):
    answers = {}
    network = serve(survey(answers), sms_webhook="/message")

    def hears(sender, words):
        return network.text(words, sender=sender)[1]["replies"]

    assert hears(JANE, "survey") == ["Welcome to our survey.", "Please leave a message."]
    assert hears(JANE, "All was fine.") == ["How old are you?"]
    assert hears(JOHN, "hello") == ["Welcome to our survey.", "Please leave a message."]
    assert hears(JANE, "52") == ["Is it warm? 1 or 0."]
    assert hears(JANE, "1") == ["Thank you."]
    assert answers[JANE] == {0: "All was fine.", 1: "52", 2: "1"}
    assert hears(JANE, "again") == ["Welcome to our survey.", "Please leave a message."]
    assert network.ask("/simulator/errors")[1] == []


def test_a_caller_answers_the_same_survey_by_voice(serve, phone):
    answers = {}
    network = serve(survey(answers))
    caller = phone(network).calls().hears("Welcome").hears("leave a message").says("all was fine")
    caller.hears("How old").presses("52").hears("warm").presses("1").hears("Thank you").is_over()
    wait_for(lambda: answers[JANE] == {0: "all was fine", 1: "52", 2: "1"})
    assert network.ask("/simulator/errors")[1] == []
