"""Configures Flask-Security: password, authenticator app, recovery codes. It sends no mail."""

from __future__ import annotations

from typing import Any

from flask import Flask, g, request, session
from flask_login import current_user, user_logged_in
from flask_security import ChangePasswordForm, LoginForm, MfRecoveryForm, Security
from flask_security.signals import user_failed_authn
from werkzeug.exceptions import TooManyRequests

from ivr import clock
from ivr.i18n import N_
from ivr.people.audit import Actor, AuditKind, record
from ivr.staff.sign_in_limit import SignInLimit
from ivr.staff.users import normalize_email, record_sign_in, set_language
from ivr.web.console.language import CHOSEN, LANGUAGES, Catalogs
from ivr.web.console.security import oidc
from ivr.web.console.security.address import client_address
from ivr.web.console.security.datastore import LedgerUserDatastore, SecurityUser
from ivr.web.services import Services

MIN_PASSWORD = 12
# Forms where a code or a password can be guessed after the first step of a sign-in, or in a stolen session.
_SECOND_FACTOR_ENDPOINTS = frozenset({"security.two_factor_token_validation", "security.mf_recovery"})
_PASSWORD_ENDPOINTS = frozenset({"security.verify", "security.change_password"})

# Every sentence of Flask-Security that a page shows: about a new password.
_SENTENCES = {
    "PASSWORD_NOT_PROVIDED": N_("Enter a password."),
    "INVALID_PASSWORD": N_("This is not your current password."),
    "PASSWORD_INVALID_LENGTH": N_("Use at least %(length)s characters. A few words are easy to remember."),
    "PASSWORD_IS_THE_SAME": N_("The new password is the same as the old one. Choose another one."),
    "RETYPE_PASSWORD_MISMATCH": N_("The two passwords are not the same."),
}


def install(app: Flask, services: Services) -> None:
    """Add sign-in to the console."""
    app.config.update(
        SECURITY_POST_LOGIN_VIEW="today.show",
        SECURITY_POST_LOGOUT_VIEW="security.login",
        SECURITY_POST_CHANGE_VIEW="account.show",
        SECURITY_PASSWORD_HASH="argon2",  # noqa: S106 - the name of the algorithm
        SECURITY_PASSWORD_SCHEMES=["argon2"],
        SECURITY_PASSWORD_SINGLE_HASH=["argon2"],
        SECURITY_DEPRECATED_PASSWORD_SCHEMES=[],
        SECURITY_PASSWORD_LENGTH_MIN=MIN_PASSWORD,
        SECURITY_RETURN_GENERIC_RESPONSES=True,
        SECURITY_CHANGEABLE=True,
        SECURITY_SEND_PASSWORD_CHANGE_EMAIL=False,
        SECURITY_TWO_FACTOR=True,
        SECURITY_TWO_FACTOR_REQUIRED=True,
        SECURITY_TWO_FACTOR_ENABLED_METHODS=["authenticator"],
        SECURITY_TWO_FACTOR_ALWAYS_VALIDATE=True,
        SECURITY_TWO_FACTOR_RESCUE_EMAIL=False,
        SECURITY_MULTI_FACTOR_RECOVERY_CODES=True,
        SECURITY_MULTI_FACTOR_RECOVERY_CODES_N=8,
        SECURITY_TOTP_SECRETS={"1": services.settings.secret_key},
        SECURITY_TOTP_ISSUER="Information line",
        SECURITY_EMAIL_VALIDATOR_ARGS={"check_deliverability": False, "test_environment": True},
        SECURITY_CSRF_IGNORE_UNAUTH_ENDPOINTS=False,
        SECURITY_FLASH_MESSAGES=False,
        SECURITY_DEFAULT_REMEMBER_ME=False,
        **{f"SECURITY_MSG_{name}": (sentence, "error") for name, sentence in _SENTENCES.items()},
    )
    limit = SignInLimit(services.vault)
    demo = services.settings.loopback and services.settings.demo_sign_in
    datastore = LedgerUserDatastore(services.ledger, services.vault, demo=demo)
    security = Security(
        app,
        datastore,
        login_form=_login_form(services, limit),
        mf_recovery_form=RecordedRecoveryForm,
        change_password_form=RecordedChangePasswordForm,
    )
    # Its sentences are above, and so in our catalogs.
    security.i18n_domain = Catalogs()
    security.login_context_processor(lambda: {"has_provider": oidc.is_configured(services.settings)})
    _count_failures(app, services, limit)


class RecordedChangePasswordForm(ChangePasswordForm):
    """Reports a wrong present password, as the library does in its other forms."""

    def validate(self, **kwargs: Any) -> bool:
        valid = bool(super().validate(**kwargs))
        if not valid and self.password and self.password.data and self.password.errors:
            current_user.track_failed_authn("password")
        return valid


class RecordedRecoveryForm(MfRecoveryForm):
    """Reports a wrong recovery code, as the library does for all other codes."""

    def validate(self, **kwargs: Any) -> bool:
        valid = bool(super().validate(**kwargs))
        if not valid and self.user is not None:
            self.user.track_failed_authn("recovery code", tfa=True)
        return valid


def _login_form(services: Services, limit: SignInLimit) -> type[LoginForm]:
    class LimitedLoginForm(LoginForm):
        """Refuses further attempts before the password is looked at."""

        remember = None

        def validate(self, **kwargs: Any) -> bool:
            _refuse_too_many(services, limit, str(self.email.data or ""))
            valid = bool(super().validate(**kwargs))
            if not valid:
                _add_failure(services, limit, str(self.email.data or ""), self.user.id if self.user else None)
            return valid

    return LimitedLoginForm


def _refuse_too_many(services: Services, limit: SignInLimit, name: str) -> None:
    with services.ledger.read() as connection:
        if limit.is_reached(connection, name, client_address(services.settings), clock.now()):
            raise TooManyRequests


def _add_failure(services: Services, limit: SignInLimit, name: str, user_id: int | None = None) -> None:
    now = clock.now()
    with services.ledger.write() as connection:
        limit.add_failure(connection, name, client_address(services.settings), now)
        record(connection, Actor("console"), AuditKind.SIGN_IN_FAILED, now, user=user_id)


def _count_failures(app: Flask, services: Services, limit: SignInLimit) -> None:
    """Limit guesses in all other forms as well, and record who signs in."""

    @app.before_request
    def limit_guesses() -> None:
        if request.method == "POST" and (email := _guessed_user(app)):
            _refuse_too_many(services, limit, email)

    def failed(_app: Flask, user: SecurityUser, tfa: bool = False, **_details: Any) -> None:
        # The sign-in form counts its own failures, because most of them have no user.
        if tfa or request.endpoint in _PASSWORD_ENDPOINTS:
            _add_failure(services, limit, user.email, user.id)

    def signed_in(_app: Flask, user: SecurityUser, **_details: Any) -> None:
        # An attacker who planted the session in this browser knows the token of its forms.
        session.pop(app.config["WTF_CSRF_FIELD_NAME"], None)
        now = clock.now()
        with services.ledger.write() as connection:
            limit.clear(connection, normalize_email(user.email))
            record_sign_in(connection, user.id, now)
            language = session.pop(CHOSEN, None)
            if language in LANGUAGES:
                set_language(connection, user.id, language)
            record(connection, Actor(f"console user {user.id}"), AuditKind.SIGNED_IN, now)

    # The signals live as long as the process: without weak references, so would each app that is made.
    user_failed_authn.connect(failed, app)
    user_logged_in.connect(signed_in, app)
    app.extensions["sign_in_receivers"] = (failed, signed_in)


def _guessed_user(app: Flask) -> str | None:
    """The address of the user whose code or password a request may be guessing; None if it is no such request."""
    if request.endpoint in _PASSWORD_ENDPOINTS:
        return g.staff_user.email if g.staff_user else None
    key = session.get("tf_user_id") if request.endpoint in _SECOND_FACTOR_ENDPOINTS else None
    found = app.extensions["security"].datastore.find_user(fs_uniquifier=str(key)) if key else None
    return found.email if found is not None else None
