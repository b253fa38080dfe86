"""The rule that every URL is checked against: nothing leaves this machine."""

import ipaddress
from urllib.parse import urlsplit


def is_loopback(url: str) -> bool:
    """Whether an absolute http URL points to this machine, without resolving names."""
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


def loopback_only(name: str, url: str) -> str:
    """The error message for a URL that is not on this machine. name: the setting or attribute."""
    return (
        f"{name} is {url!r}, but the simulator connects to this machine only: "
        "use an http URL on 127.0.0.1, ::1 or localhost."
    )
