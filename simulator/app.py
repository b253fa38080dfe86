"""Joins the rooms of the simulator into one web application."""

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from simulator.account import Account
from simulator.errors import Refused
from simulator.loopback import is_loopback
from simulator.page import page
from simulator.phones import Phones
from simulator.receipts import Postman
from simulator.resource import API_VERSION
from simulator.rest import Rest
from simulator.settings import Settings

MOST_REQUEST_BYTES = 1024 * 1024


def create_app(settings: Settings) -> Flask:
    """The application: Twilio's REST door, the phones, and the page. Its state lives as long as it does."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = MOST_REQUEST_BYTES
    app.json.sort_keys = False  # type: ignore[attr-defined]
    account, postman = Account(settings), Postman()
    app.register_blueprint(Rest(account, postman).blueprint())
    app.register_blueprint(Phones(account, postman).blueprint())
    app.add_url_rule("/", "page", lambda: page(account))
    app.before_request(_this_machine_only)
    app.register_error_handler(Refused, _refused)
    app.register_error_handler(HTTPException, _http_error)
    return app


def _this_machine_only() -> Response | None:
    # A web site that a browser has open must not reach the phones through a name of its own.
    if is_loopback(f"http://{request.host}"):
        return None
    return Response("The simulator answers on loopback addresses only.\n", 403, mimetype="text/plain")


def _refused(error: Refused) -> Response:
    response = jsonify(error.body())
    response.status_code = error.status
    if error.code == 20003:
        response.headers["WWW-Authenticate"] = 'Basic realm="Twilio API"'
    return response


def _http_error(error: HTTPException) -> Response:
    if request.path.startswith(f"/{API_VERSION}"):
        return _refused(Refused(20004) if error.code == 405 else Refused(20404, request.path))
    response = jsonify({"error": f"{error.name}: {request.method} {request.path}"})
    response.status_code = error.code or 500
    return response
