"""The one promise that is checked everywhere: nothing leaves this machine."""

import ipaddress
from urllib.parse import urlsplit


def is_loopback(url: str) -> bool:
    """Whether an absolute http URL points to this machine, judged by its text alone (no look-up of names)."""
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        return False
    if parts.scheme != "http" or host is None:
        return False
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def refusal(what: str, url: str) -> str:
    """The sentence for an address that is not on this machine. `what` names the setting or attribute."""
    return (
        f"{what} is {url!r}, and the simulator speaks to this machine only: "
        "use an http address on 127.0.0.1, ::1 or localhost."
    )
