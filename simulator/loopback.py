"""The rule that every URL is checked against: nothing leaves this machine."""

import ipaddress
import re
import ssl
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

_NOT_IN_URLS = re.compile(r'[\s\x00-\x1f\x7f\\<>"]')


@dataclass(frozen=True)
class AllowedHost:
    """A public name that is connected to on this machine instead, with TLS. ca_file: without one, any certificate."""

    name: str
    address: str
    port: int
    ca_file: str | None = None

    def context(self) -> ssl.SSLContext:
        """The TLS settings of a connection. Raises OSError for an unreadable or invalid `ca_file`."""
        context = ssl.create_default_context(cafile=self.ca_file)
        if self.ca_file is None:
            # Only a program on this machine can answer there.
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


_allowed: dict[str, AllowedHost] = {}


def allow_host(host: AllowedHost) -> None:
    """Let the simulators of this process request https URLs of a host."""
    _allowed[host.name] = host


def allowed_host(url: str) -> AllowedHost | None:
    """The allowed host of an absolute https URL; None for any other."""
    parts = _split(url)
    return _allowed.get(parts.hostname or "") if parts and parts.scheme == "https" else None


def may_request(url: str) -> bool:
    """Whether the simulator may request an absolute URL: it is on this machine, or its host is allowed."""
    return is_loopback(url) or allowed_host(url) is not None


def is_loopback(url: str) -> bool:
    """Whether an absolute http URL points to this machine, without resolving names."""
    parts = _split(url)
    return parts is not None and parts.scheme == "http" and is_loopback_host(parts.hostname or "")


def is_loopback_host(host: str) -> bool:
    """Whether a name or address is this machine, without resolving names."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def resolve(base: str, reference: str) -> str | None:
    """The absolute URL of a reference, such as the action of a `<Gather>`; None if it is not a URL."""
    try:
        url = urljoin(base, reference)
    except ValueError:
        return None
    return url if _split(url) else None


def _split(url: str) -> SplitResult | None:
    """The parts of a URL; None if it is not one."""
    try:
        parts = urlsplit(url)
        _valid = parts.hostname, parts.port
    except ValueError:
        return None
    return None if _NOT_IN_URLS.search(url) else parts


def loopback_only(name: str, url: str) -> str:
    """The error message for a URL that is not on this machine. name: the setting or attribute."""
    return (
        f"{name} is {url!r}, but the simulator connects to this machine only: "
        "use an http URL on 127.0.0.1, ::1 or localhost, or name the host of an https URL with --allow-host."
    )
