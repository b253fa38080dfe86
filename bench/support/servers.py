"""`python -m bench.support.servers NAME PORT WORKERS`: the line or one of its baselines, behind the line's server.

bare: a Flask route that returns a constant. usual: as in Twilio's samples, with the validator and the TwiML builder
of its SDK at each turn.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from flask import Flask, Response, abort, request
from twilio.request_validator import RequestValidator
from twilio.twiml.voice_response import Gather, VoiceResponse

from ivr.cli.processes import line_site
from ivr.web.server.process import Served, listen, serve
from ivr.web.server.request_counts import RequestCounts

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


def bare_site() -> Served:
    return _site(bare())


def usual_site() -> Served:
    return _site(usual())


def _site(app: Flask) -> Served:
    return Served(app.wsgi_app, RequestCounts(Path(os.environ["VAR_DIR"]) / "requests"), 10_000)


SITES = {"bare": bare_site, "usual": usual_site, "line": line_site}


def main(name: str, port: str, workers: str) -> None:
    serve(SITES[name], listen("127.0.0.1", int(port)), int(workers))


if __name__ == "__main__":
    main(*sys.argv[1:])
