"""The baselines for the line (`ivr:create_app`), behind the same server.

bare: a Flask route that returns a constant. usual: as in Twilio's samples, with the validator and the TwiML builder
of its SDK at each turn.
"""

from __future__ import annotations

import os

from flask import Flask, Response, abort, request
from twilio.request_validator import RequestValidator
from twilio.twiml.voice_response import Gather, VoiceResponse

CONSTANT = b'<?xml version="1.0" encoding="UTF-8"?><Response><Say>Hello</Say></Response>'
XML = "text/xml; charset=utf-8"


def bare() -> Flask:
    app = Flask(__name__)

    @app.post("/<path:_path>")
    def constant(_path: str) -> Response:
        return Response(CONSTANT, content_type=XML)

    return app


def usual() -> Flask:
    app = Flask(__name__)
    validator = RequestValidator(os.environ["TWILIO_AUTH_TOKEN"])
    public_url = os.environ["PUBLIC_URL"]

    @app.post("/<path:_path>")
    def turn(_path: str) -> Response:
        signature = request.headers.get("X-Twilio-Signature", "")
        if not validator.validate(public_url + request.path, request.form, signature):
            abort(403)
        response = VoiceResponse()
        gather = Gather(action=request.path, num_digits=1, timeout=8, action_on_empty_result=True)
        gather.say("Calcifications are deposits of calcium in the breast.", voice="Polly.Joanna-Neural")
        for key in "12345":
            gather.say(f"To hear about something, press {key}.", voice="Polly.Joanna-Neural")
        response.append(gather)
        return Response(str(response), content_type=XML)

    return app
