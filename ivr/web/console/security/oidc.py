"""Single sign-on with the hospital's OpenID Connect provider, where OIDC_* is set.

Users must exist in the console with the address that the provider has verified; their role is set here, and their
second factor is the provider's. https://openid.net/specs/openid-connect-core-1_0.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.flask_client import OAuth
from flask import abort, current_app, redirect, render_template, request, session, url_for
from flask_security import login_user
from joserfc.errors import JoseError
from requests import RequestException
from werkzeug.wrappers import Response

from ivr import clock, log
from ivr.people.audit import Actor, AuditKind, record
from ivr.settings import Settings
from ivr.web.console import language
from ivr.web.console.security import kept_forms
from ivr.web.services import Services

_NEXT = "oidc_next"
# What a sign-in keeps of the session before it: nothing that says who somebody is, or that proves a form.
_KEPT = (_NEXT, kept_forms.KEY, language.CHOSEN)


def is_configured(settings: Settings) -> bool:
    return bool(settings.oidc_issuer and settings.oidc_client_id)


def _client(settings: Settings) -> Any:
    if not is_configured(settings):
        abort(404)
    if "console_oidc" not in current_app.extensions:
        oauth = OAuth(current_app)
        oauth.register(
            "provider",
            client_id=settings.oidc_client_id,
            client_secret=settings.oidc_client_secret,
            server_metadata_url=f"{settings.oidc_issuer.rstrip('/')}/.well-known/openid-configuration",
            client_kwargs={"scope": "openid email", "code_challenge_method": "S256", "timeout": 10},
        )
        current_app.extensions["console_oidc"] = oauth.provider
    return current_app.extensions["console_oidc"]


def start(settings: Settings) -> Response:
    """Redirect to the provider, and remember the page to go to afterward."""
    page = request.args.get("next", "")
    session[_NEXT] = page if _is_local(page) else ""
    try:
        response: Response = _client(settings).authorize_redirect(_return_address(settings))
    except (RequestException, OAuthError):
        log.get_logger().error("sign_in_provider_unreachable")
        abort(502)
    return response


def finish(services: Services) -> Response | tuple[str, int]:
    """Sign in the user whom the provider vouches for."""
    try:
        token = _client(services.settings).authorize_access_token()
    except (RequestException, OAuthError, JoseError, ValueError) as error:
        return _refuse(services, type(error).__name__)
    claims = token.get("userinfo") or {}
    email = str(claims.get("email", ""))
    if not email or not _is_verified(claims, services.settings):
        return _refuse(services, "no_verified_address")
    user = current_app.extensions["security"].datastore.find_user(email=email)
    if user is None:
        return _refuse(services, "unknown_user")
    if not user.active:
        return _refuse(services, "disabled_user", user.staff.id)
    # A new session, so that one planted in the browser before the sign-in is worth nothing.
    kept = {key: session[key] for key in _KEPT if key in session}
    session.clear()
    session.update(kept)
    login_user(user, authn_via=["oidc"])
    return redirect(session.pop(_NEXT, "") or url_for("today.show"))


def _is_local(page: str) -> bool:
    """Whether an address is a path of this site. Browsers drop control characters, and read a backslash as a slash."""
    return page.startswith("/") and not page.startswith("//") and "\\" not in page and page.isprintable()


def _is_verified(claims: Mapping[str, Any], settings: Settings) -> bool:
    """Whether the address is the user's own. Some providers never say, such as those that give out the addresses."""
    return claims.get("email_verified", settings.oidc_trust_addresses) is True


def _return_address(settings: Settings) -> str:
    return f"{settings.public_url}/console/sign-in/provider/return"


def _refuse(services: Services, reason: str, user: int | None = None) -> tuple[str, int]:
    log.get_logger().warning("sign_in_refused", reason=reason)
    now = clock.now()
    with services.ledger.write() as connection:
        record(connection, Actor("console"), AuditKind.SIGN_IN_FAILED, now, user=user)
    return render_template("security/oidc_refused.html", page=session.get(_NEXT)), 403
