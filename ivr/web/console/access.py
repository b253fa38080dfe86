"""Who may use which page: one table. A page that is not in it does not answer."""

from __future__ import annotations

from collections.abc import Mapping

from ivr.staff.users import Role

ANYONE = frozenset({"anyone"})
"""Pages that need no sign-in."""
SCHEDULERS = frozenset({Role.SCHEDULER, Role.ADMIN})
OPERATORS = frozenset({Role.OPERATOR, Role.ADMIN})
ADMINS = frozenset({Role.ADMIN})
ALL = frozenset(Role)

Access = Mapping[str, frozenset[str]]
STATIC = frozenset({"static", "bootstrap.static"})
# Each area adds the endpoints of its blueprint in its own access.py, and app.py merges them.
SIGN_IN: Access = {
    **dict.fromkeys(STATIC, ANYONE),
    "security.login": ANYONE,
    "security.logout": ANYONE,
    "security.two_factor_setup": ANYONE,
    "security.two_factor_setup_validate": ANYONE,
    "security.two_factor_token_validation": ANYONE,
    "security.mf_recovery": ANYONE,
    "security.mf_recovery_codes": ALL,
    "security.change_password": ALL,
    "security.verify": ALL,
    "sign_in.invitation": ANYONE,
    "sign_in.oidc_start": ANYONE,
    "sign_in.oidc_return": ANYONE,
    "account.show": ALL,
    "account.set_language": ALL,
    "account.sign_out_everywhere": ALL,
}
