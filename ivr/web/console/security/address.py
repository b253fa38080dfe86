"""The address of a client behind a trusted proxy."""

from __future__ import annotations

import ipaddress

from flask import request

from ivr.settings import Settings


def client_address(settings: Settings) -> str:
    """The last address that no trusted proxy has: anything before it in X-Forwarded-For can be made up."""
    hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",") if hop.strip()]
    address = request.remote_addr or ""
    for hop in reversed(hops):
        if not _is_trusted(address, settings):
            break
        address = hop
    return address


def _is_trusted(address: str, settings: Settings) -> bool:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(ip in network for network in settings.proxy_networks)
