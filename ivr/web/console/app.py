"""Builds the console as a Flask app of its own, so that nothing of it runs in a caller's turn."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module

from flask import Flask, abort, g, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import force_locale, format_datetime, format_decimal
from flask_bootstrap import Bootstrap5
from flask_compress import Compress
from flask_wtf import CSRFProtect
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from ivr import clock, log
from ivr.ledger import LedgerUnavailable
from ivr.web import local_redirects, unstorable
from ivr.web.console import access, filters, language
from ivr.web.console.security import flask_security_setup, form_pages, headers, kept_forms, views
from ivr.web.console.security.gate import Gate
from ivr.web.console.security.session import ConsoleSessions
from ivr.web.console.words import gettext
from ivr.web.services import Services

IDLE = timedelta(minutes=15)
MAX_UPLOAD = 20 * 1024 * 1024
MAX_FIELDS_BYTES = 2 * 1024 * 1024
# Each is a package with `blueprint` and `ACCESS`, in the order of the navigation.
AREAS = ("today", "reminders", "people", "work", "prompts", "settings")


def create_console(services: Services) -> Flask:
    """Return the console as a WSGI app, to be mounted at /console."""
    app = Flask("ivr.web.console")
    settings = services.settings
    app.config.update(
        SECRET_KEY=settings.secret_key,
        MAX_CONTENT_LENGTH=MAX_UPLOAD + MAX_FIELDS_BYTES,
        MAX_FORM_MEMORY_SIZE=MAX_FIELDS_BYTES,
        PERMANENT_SESSION_LIFETIME=IDLE,
        SESSION_COOKIE_NAME="infoline" if settings.loopback else "__Host-infoline",
        SESSION_COOKIE_SECURE=not settings.loopback,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PATH="/",
        SEND_FILE_MAX_AGE_DEFAULT=timedelta(days=365),
        WTF_CSRF_TIME_LIMIT=None,
        BOOTSTRAP_SERVE_LOCAL=True,
    )
    app.extensions["infoline"] = services
    app.session_interface = ConsoleSessions()
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    Bootstrap5(app)
    CSRFProtect(app)
    Compress(app)
    language.install(app)
    flask_security_setup.install(app, services)
    app.register_blueprint(views.sign_in)
    app.register_blueprint(views.account)
    allowed = dict(access.SIGN_IN)
    for name in AREAS:
        area = import_module(f"ivr.web.console.{name}")
        app.register_blueprint(area.blueprint)
        allowed |= area.ACCESS
    app.extensions["console_gate"] = Gate(app, allowed)
    headers.install(app, public=not settings.loopback, provider=settings.oidc_issuer)
    kept_forms.install(app)
    form_pages.install(app)
    local_redirects.install(app)
    unstorable.install(app, lambda part: abort(404 if part == "path" else 400), forms=True)
    filters.install(app)
    _handle_errors(app)
    return app


def compile_templates(app: Flask) -> None:
    """Read all templates of the pages, and the words of all languages, before anybody waits for them."""
    for name in app.jinja_env.list_templates(filter_func=_is_page):
        app.jinja_env.get_template(name)
    for code in language.LANGUAGES:
        with app.test_request_context(), force_locale(code):
            gettext("Sign out")
            format_datetime(clock.now())
            format_decimal(1)


def _is_page(name: str) -> bool:
    """Whether a template is the console's own: libraries bring many that no page includes."""
    return name.endswith(".html") and not name.startswith(("bootstrap", "base/", "security/_"))


def _handle_errors(app: Flask) -> None:
    @app.errorhandler(HTTPException)
    def refuse(error: HTTPException) -> ResponseReturnValue:
        if error.response is not None:
            return error.get_response(request.environ)
        return render_template("error.html", code=error.code, sentence=_sentence(error)), error.code or 500

    @app.errorhandler(CSRFError)
    def send_again(error: CSRFError) -> ResponseReturnValue:
        return form_pages.send_again() or refuse(error)

    @app.errorhandler(LedgerUnavailable)
    def unavailable(_error: LedgerUnavailable) -> tuple[str, int]:
        log.get_logger().error("console_without_database", endpoint=request.endpoint)
        # Flask-Login adds the user to every template, and would ask the database for them again.
        g._login_user = None
        return render_template("unavailable.html", kept_page=form_pages.keep_unsaved()), 503

    @app.errorhandler(Exception)
    def fail(_error: Exception) -> tuple[str, int]:
        log.get_logger().exception("console_failed", endpoint=request.endpoint)
        page = form_pages.keep_unsaved()
        sentence = gettext("Something went wrong on our side, and it was logged.") if page else _sentence(None)
        return render_template("error.html", code=500, sentence=sentence, kept_page=page), 500


def _sentence(error: HTTPException | None) -> str:
    sentences = {
        400: gettext("The form could not be read. Go back, reload the page, and send it again."),
        403: gettext("Your role does not include this page. Ask an administrator if you need it."),
        404: gettext("There is no page at this address. It may have been moved or deleted."),
        405: gettext("This address is for sending a form only. Start from the page that has the form."),
        409: gettext("Somebody else changed this in the meantime. Reload the page, and check what it says now."),
        413: gettext("The file is too large. The limit is 20 MB: split it into several files."),
        429: gettext("Too many attempts. Wait 15 minutes, then try again."),
        502: gettext("The sign-in of your hospital does not answer. Try again in a few minutes."),
        503: gettext(
            "The published words of the line cannot be read, and this page needs them. Today and the work list still"
            " work. Ask your IT department to run the command `infoline doctor`."
        ),
    }
    code = error.code if error is not None and error.code else 500
    return sentences.get(
        code, gettext("Something went wrong on our side, and it was logged. Nothing you sent was stored. Try again.")
    )
