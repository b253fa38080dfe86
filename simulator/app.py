"""The simulator as one web application."""

from collections.abc import Callable
from urllib.parse import urlsplit

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from simulator.account import Account
from simulator.loopback import is_loopback
from simulator.phone_page.door import PhonePage
from simulator.phones import Phones
from simulator.rest.api import Rest
from simulator.rest.errors import HTTP_ERRORS, RestError
from simulator.rest.products import ProductPaths, Uncovered, path_at_twilio
from simulator.scheduler import Scheduler
from simulator.settings import Settings

MAX_REQUEST_BYTES = 1024 * 1024


def create_app(settings: Settings) -> Flask:
    """The application: Twilio's REST API, the phones and the start page. Its state ends with it."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = MAX_REQUEST_BYTES
    app.json.sort_keys = False  # type: ignore[attr-defined]
    account, scheduler = Account(settings), Scheduler()
    for blueprint in Rest(account, scheduler).blueprints():
        app.register_blueprint(blueprint)
    app.register_blueprint(Phones(account, scheduler).blueprint())
    app.register_blueprint(PhonePage(account, scheduler).blueprint())
    app.before_request(_refuse_websites)
    app.register_error_handler(RestError, _rest_error)
    app.register_error_handler(HTTPException, _http_error(Uncovered()))
    app.wsgi_app = ProductPaths(app.wsgi_app)  # type: ignore[method-assign]
    return app


def _refuse_websites() -> Response | None:
    """Refuse what a website in a browser on this machine may send: the simulator has no password for its phones."""
    # DNS rebinding: a website must not reach the simulator through a host name that it points at loopback.
    own = f"http://{request.host}"
    if not is_loopback(own) or (urlsplit(own).port or 80) != int(request.environ["SERVER_PORT"]):
        return _forbidden("The simulator answers on loopback addresses only, at its own port.")
    is_link = request.method == "GET" and request.headers.get("Sec-Fetch-Mode") == "navigate"
    site = request.headers.get("Sec-Fetch-Site", "none")
    if request.headers.get("Origin", own) != own or (site not in ("none", "same-origin") and not is_link):
        return _forbidden("The simulator takes no requests from other websites.")
    return None


def _forbidden(sentence: str) -> Response:
    return Response(f"{sentence}\n", 403, mimetype="text/plain")


def _rest_error(error: RestError) -> Response:
    response = jsonify(error.body())
    response.status_code = error.status
    if error.code == 20003:
        response.headers["WWW-Authenticate"] = 'Basic realm="Twilio API"'
    return response


def _http_error(uncovered: Uncovered) -> Callable[[HTTPException], Response]:
    def answer(error: HTTPException) -> Response:
        path = path_at_twilio(request.path)
        if path is None:
            response = jsonify({"error": f"{error.name}: {request.method} {request.path}"})
            response.status_code = error.code or 500
            return response
        if error.code in (404, 405):
            uncovered.report(request.method, request.path)
        return _rest_error(RestError(HTTP_ERRORS.get(error.code or 500, 20500), path))

    return answer
