"""Programs that speak: menus, voicemail, forwarding, call screening, surveys, conferences, warm transfers, codes."""

from flask import Flask, request, url_for
from twilio.twiml.voice_response import Dial, Gather, VoiceResponse

from tests.support.network import JANE, LINE, wait_for

AGENT, SUPERVISOR = "+16035550131", "+16035550132"
XML = {"Content-Type": "text/xml"}


def test_a_phone_tree_with_a_menu_extensions_and_a_way_back(serve, phone):
    app = Flask("phone_tree")

    @app.route("/ivr/welcome", methods=["GET", "POST"])
    def welcome():
        answer = VoiceResponse()
        gather = Gather(num_digits=1, action=url_for("menu"), method="post")
        gather.say("For directions, press 1. For an extension, press 2.", voice="alice", language="en-GB", loop=3)
        answer.append(gather)
        return str(answer), XML

    @app.post("/ivr/menu")
    def menu():
        answer = VoiceResponse()
        if request.form["Digits"] == "1":
            answer.say("Take the second left.")
            answer.hangup()
        elif request.form["Digits"] == "2":
            with answer.gather(num_digits=1, action="/ivr/extension") as gather:
                gather.say("Press 2 for Brodo.")
        else:
            answer.say("Returning to the main menu.")
            answer.redirect(url_for("welcome"), method="get")
        return str(answer), XML

    @app.post("/ivr/extension")
    def extension():
        answer = VoiceResponse()
        answer.say("You will be connected shortly.")
        answer.dial(AGENT)
        return str(answer), XML

    network = serve(app, voice_webhook="/ivr/welcome")
    caller = phone(network).calls().hears("For directions")
    caller.presses("9").hears("Returning").hears("For directions").presses("2").hears("Brodo")
    caller.presses("2").hears("connected").rings(AGENT).does(dial="completed").is_over()
    phone(network).calls().presses("1").hears("second left").is_over()


def test_a_call_is_forwarded_and_a_missed_one_goes_to_voicemail_with_a_transcription(serve, phone):
    app = Flask("voicemail")
    messages = []

    @app.post("/voice")
    def voice():
        answer = VoiceResponse()
        answer.dial(AGENT, timeout=20, action="/missed")
        return str(answer), XML

    @app.post("/missed")
    def missed():
        answer = VoiceResponse()
        if request.form["DialCallStatus"] == "completed":
            answer.hangup()
        else:
            answer.say("Please leave a message after the beep.", voice="Polly.Joey", language="en-US")
            answer.record(max_length=120, action="/thanks", transcribe=True, transcribe_callback="/transcription")
        return str(answer), XML

    @app.post("/thanks")
    def thanks():
        answer = VoiceResponse()
        answer.say(f"Thank you. Your message has {request.form['RecordingDuration']} seconds.")
        return str(answer), XML

    @app.post("/transcription")
    def transcription():
        messages.append((request.form["TranscriptionText"], request.form["RecordingUrl"]))
        return "", 204

    network = serve(app)
    phone(network).calls().rings(AGENT).does(dial="completed").is_over()
    caller = phone(network).calls().does(dial="no-answer").hears("after the beep")
    caller.says("this is a message of ten words for the doctor").hears("4 seconds").is_over()
    wait_for(lambda: messages)
    assert messages[0][0].startswith("this is a message")
    [recording] = network.client().recordings.list()
    assert messages[0][1].endswith(recording.sid)


def test_an_agent_screens_a_call_and_the_caller_of_a_refused_one_leaves_a_message(serve, phone):
    app = Flask("call_screening")

    @app.post("/voice")
    def voice():
        answer, dial = VoiceResponse(), Dial(action="/agents/call", caller_id=request.form["To"])
        dial.number(AGENT, url="/agents/screen")
        answer.append(dial)
        return str(answer), XML

    @app.post("/agents/screen")
    def screen():
        answer = VoiceResponse()
        with answer.gather(num_digits=1, action="/agents/connect") as gather:
            gather.say(f"Call from {request.form['From']}. Press any key to accept.")
        answer.say("You did not accept the call.")
        answer.hangup()
        return str(answer), XML

    @app.post("/agents/connect")
    def connect():
        answer = VoiceResponse()
        answer.say("Connecting.")
        return str(answer), XML

    @app.post("/agents/call")
    def after():
        answer = VoiceResponse()
        if request.form["DialBridged"] == "false":
            answer.say("It appears that nobody is available.")
            answer.record(finish_on_key="*", max_length=20)
        return str(answer), XML

    network = serve(app)
    caller = phone(network).calls().rings(AGENT).does(dial="completed", accept=True).is_over()
    assert caller.turn["whispered"][-1] == "Connecting."
    caller = phone(network).calls().does(dial="completed", accept=False).hears("nobody")
    assert "did not accept" in caller.turn["whispered"][-1]
    caller.does(hangup=True)
    assert len(network.client().recordings.list()) == 1


def test_a_survey_asks_for_keys_and_for_words_that_it_records(serve, phone):
    app = Flask("survey")
    answers = {}
    questions = [("How many years?", "numeric"), ("Why did you come?", "text")]

    @app.post("/voice")
    def voice():
        answer = VoiceResponse()
        answer.say("Welcome to the survey.")
        answer.redirect(url_for("question", number=0), method="GET")
        return str(answer), XML

    @app.get("/question/<int:number>")
    def question(number):
        answer = VoiceResponse()
        words, kind = questions[number]
        answer.say(words)
        if kind == "numeric":
            answer.gather(action=url_for("reply", number=number), finish_on_key="#")
        else:
            transcribed = url_for("transcription", number=number)
            answer.record(action=url_for("reply", number=number), transcribe_callback=transcribed)
        return str(answer), XML

    @app.post("/answer/<int:number>")
    def reply(number):
        answers.setdefault(number, request.form["Digits"])
        answer = VoiceResponse()
        if number + 1 < len(questions):
            answer.redirect(url_for("question", number=number + 1), method="GET")
        else:
            answer.say("Thank you.")
            answer.hangup()
        return str(answer), XML

    @app.post("/answer/transcription/<int:number>")
    def transcription(number):
        answers[number] = request.form["TranscriptionText"]
        return "", 204

    caller = phone(serve(app)).calls().hears("Welcome to the survey.").hears("How many years?")
    caller.presses("12#").hears("Why did you come?").says("my doctor sent me").hears("Thank you.").is_over()
    wait_for(lambda: answers == {0: "12", 1: "my doctor sent me"})


def test_a_moderated_conference_starts_and_ends_with_the_moderator(serve, phone):
    app = Flask("conference")
    events = []

    @app.post("/voice")
    def voice():
        answer = VoiceResponse()
        with answer.gather(num_digits=1, action="/conference/connect") as gather:
            gather.say("Press 1 to listen, 3 to moderate.")
        return str(answer), XML

    @app.post("/conference/connect")
    def connect():
        role, answer, dial = request.form["Digits"], VoiceResponse(), Dial(action="/left")
        dial.conference(
            "Rapid Response Room", wait_url="http://twimlets.com/holdmusic", muted=role == "1",
            start_conference_on_enter=role == "3", end_conference_on_exit=role == "3",
            status_callback="/events", status_callback_event="start end join leave",
        )  # fmt: skip
        answer.append(dial)
        return str(answer), XML

    @app.post("/events")
    def event():
        events.append(request.form["StatusCallbackEvent"])
        return "", 204

    @app.post("/left")
    def left():
        return str(VoiceResponse()), XML

    network = serve(app)
    listener = phone(network, JANE).calls().presses("1").rings("conference:Rapid Response Room")
    client = network.client()
    [room] = client.conferences.list(friendly_name="Rapid Response Room")
    assert room.status == "init"
    moderator = phone(network, AGENT).calls().presses("3")
    assert client.conferences(room.sid).fetch().status == "in-progress"
    assert [member.muted for member in client.conferences(room.sid).participants.list()] == [True, False]
    moderator.does(hangup=True)
    wait_for(lambda: client.calls(listener.sid).fetch().status == "completed")
    wait_for(lambda: sorted(events)[:2] == ["conference-end", "conference-start"])


def test_a_warm_transfer_brings_a_second_agent_in_through_a_client(serve, phone):
    app = Flask("warm_transfer")
    room_of = {}

    @app.post("/connect/client")
    def connect_client():
        room = request.form["CallSid"]
        room_of["agent1"] = room
        call_agent("agent1", room)
        return join(room, start=False, end=True)

    @app.post("/connect/<room>/<agent>")
    def connect_agent(room, agent):
        return join(room, start=True, end=agent == "agent2")

    @app.post("/agent1/brings/agent2")
    def bring():
        return "", 204

    def join(room, start, end):
        answer, dial = VoiceResponse(), Dial()
        dial.conference(room, start_conference_on_enter=start, end_conference_on_exit=end, wait_url="/wait")
        answer.append(dial)
        return str(answer), XML

    def call_agent(agent, room):
        url = url_for("connect_agent", room=room, agent=agent, _external=True)
        return network.client().calls.create(from_=LINE, to=f"client:{agent}", url=url).sid

    network = serve(app, voice_webhook="/connect/client")
    client = network.client()
    caller = phone(network).calls()
    room = client.conferences.list(friendly_name=caller.sid)[0]
    [first] = client.calls.list(to="client:agent1")
    one = phone(network).answers(first.sid)
    with app.test_request_context(base_url=network.line.url):
        second = call_agent("agent2", room_of["agent1"])
    phone(network).answers(second)
    assert len(client.conferences(room.sid).participants.list()) == 3
    one.does(hangup=True)
    assert client.conferences(room.sid).fetch().status == "in-progress"
    assert len(client.conferences(room.sid).participants.list()) == 2
    caller.does(hangup=True)
    wait_for(lambda: client.calls(second).fetch().status == "completed")


def test_a_second_factor_is_read_out_and_an_extension_is_dialed_first(serve, phone):
    app = Flask("two_factor")
    codes = {JANE: "4821"}

    @app.post("/code")
    def code():
        answer = VoiceResponse()
        with answer.gather(num_digits=1, action="/code") as gather:
            gather.say("Your code is " + ", ".join(codes[request.form["To"]]) + ". Press any key to hear it again.")
        return str(answer), XML

    network = serve(app)
    client = network.client()
    call = client.calls.create(to=JANE, from_=LINE, url=network.line.url + "/code", send_digits="ww12#", timeout=20)
    person = phone(network).answers(call.sid).hears("[keys ww12#]").hears("4, 8, 2, 1")
    person.presses("1").hears("4, 8, 2, 1").does(hangup=True)
    assert client.calls(call.sid).fetch().status == "completed"


def test_a_click_to_call_connects_two_people_and_its_page_follows_the_call(serve, phone):
    app = Flask("click_to_call")
    statuses = []

    @app.post("/outbound/<number>")
    def outbound(number):
        answer = VoiceResponse()
        answer.say("Thanks for contacting our sales department.")
        answer.dial(number)
        return str(answer), XML

    @app.post("/status")
    def status():
        statuses.append(request.form["CallStatus"])
        return "", 204

    network = serve(app)
    call = network.client().calls.create(
        to=JANE, from_=LINE, url=f"{network.line.url}/outbound/{AGENT}", status_callback=network.line.url + "/status",
        status_callback_event=["initiated", "ringing", "answered", "completed"],
    )  # fmt: skip
    phone(network).answers(call.sid).hears("sales").rings(AGENT).does(dial="completed").is_over()
    wait_for(lambda: sorted(statuses) == ["completed", "in-progress", "initiated", "ringing"])


def test_an_unwanted_caller_is_rejected(serve, phone):
    app = Flask("block_spam")
    blocked = {JANE}

    @app.post("/voice")
    def voice():
        answer = VoiceResponse()
        if request.form["From"] in blocked:
            answer.reject(reason="busy")
        else:
            answer.say("Welcome to the jungle.")
        return str(answer), XML

    network = serve(app)
    unwanted = phone(network).calls().is_over()
    assert network.client().calls(unwanted.sid).fetch().status == "busy"
    phone(network, SUPERVISOR).calls().hears("jungle")
