"""What the value of a setting must look like: URLs, and secrets that cannot be guessed. Pure functions."""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

ENCRYPTED_SSL_MODES = ("require", "verify-ca", "verify-full")
# Random bytes have at least this many distinct values: of 32, fewer than 20 occur once in about 10^9 keys.
MIN_KEY_VALUES = 20
MIN_TOKEN_CHARACTERS = 8
SENTINEL_PORT = 26379
_TYPED = re.compile(rb"[\t\n\r -~]*")


def is_loopback(url: str) -> bool:
    """Whether a URL's host is this machine's loopback interface."""
    return _is_loopback_host(urlsplit(url).hostname or "")


def _is_loopback_host(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_http_url(url: str) -> bool:
    """Whether this is an http or https URL with a host, and without a query or a fragment."""
    try:
        parts = urlsplit(url)
        has_host = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return has_host and not (parts.query or parts.fragment) and not re.search(r"\s", url)


def has_valid_port(url: str) -> bool:
    """Whether the port of a URL, if it has one, is a number that exists."""
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


@dataclass(frozen=True)
class SentinelUrl:
    """Where Redis Sentinels are, and which of the servers that they watch is meant.

    The user, the password, and TLS are those of the server and of the Sentinels alike.
    """

    sentinels: tuple[tuple[str, int], ...]
    service: str
    database: int
    username: str | None
    password: str | None
    tls: bool


def parse_sentinel_url(url: str) -> SentinelUrl | None:
    """Read redis+sentinel://user:password@host:26379,host:26379/service/database; None for a URL of another kind.

    rediss+sentinel:// means TLS. The port, the user, the password and the database may be left out. Raises ValueError.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("redis+sentinel", "rediss+sentinel"):
        return None
    credentials, _, hosts = parts.netloc.rpartition("@")
    username, _, password = credentials.partition(":")
    service, _, database = parts.path.removeprefix("/").partition("/")
    addresses = [urlsplit(f"//{host}") for host in hosts.split(",")]
    if not service or not all(address.hostname for address in addresses):
        raise ValueError("a URL of Sentinels needs their hosts and the name of the service that they watch")
    return SentinelUrl(
        sentinels=tuple((address.hostname or "", address.port or SENTINEL_PORT) for address in addresses),
        service=service,
        database=int(database or 0),
        username=unquote(username) or None,
        password=unquote(password) or None,
        tls=parts.scheme == "rediss+sentinel",
    )


def is_redis_url(url: str) -> bool:
    """Whether this is the URL of a Redis server, or of the Sentinels that watch it."""
    try:
        if parse_sentinel_url(url) is not None:
            return True
    except ValueError:
        return False
    return url.startswith(("redis://", "rediss://", "unix://")) and has_valid_port(url)


def redis_problem(url: str) -> str:
    """What is wrong with REDIS_URL on a public line; empty if nothing is. Jobs must not be forged on the network."""
    parts, sentinel = urlsplit(url), parse_sentinel_url(url)
    if sentinel is not None:
        # The server that the Sentinels name may be on another machine, whichever machine they are on.
        is_safe = sentinel.tls and sentinel.password
        return "" if is_safe else "must start with rediss+sentinel:// (TLS) and have a password"
    if parts.scheme == "unix" or is_loopback(url):
        return ""
    if parts.scheme != "rediss":
        return "must start with rediss:// (TLS) unless the queue server is on this machine"
    return "" if parts.password else "needs a password, as in rediss://:password@host:6379/0"


def is_database_url(url: str) -> bool:
    """Whether this is the URL of a SQLite file or of a PostgreSQL database."""
    schemes = ("sqlite:///", "postgres://", "postgresql://", "postgresql+psycopg://")
    return url.startswith(schemes) and has_valid_port(url)


def database_problem(url: str) -> str:
    """What is wrong with DATABASE_URL on a public line; empty if nothing is. A server elsewhere needs TLS."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return ""
    options = parse_qs(parts.query)
    hosts = options.get("hostaddr") or options.get("host") or [parts.netloc.rpartition("@")[2]]
    if all(_is_this_machine(host) for value in hosts for host in value.split(",")):
        return ""
    if options.get("sslmode", [""])[-1] in ENCRYPTED_SSL_MODES:
        return ""
    return f"needs TLS: add ?sslmode=verify-full (or {' or '.join(ENCRYPTED_SSL_MODES[:2])}) to the URL"


def _is_this_machine(host: str) -> bool:
    """Whether a host of a PostgreSQL URL, which may have a port, is loopback or a folder with a socket."""
    name = host[1:].partition("]")[0] if host.startswith("[") else re.sub(r":\d+$", "", host)
    return name == "" or name.startswith("/") or _is_loopback_host(name)


def is_weak_key(key: bytes) -> bool:
    """Whether 32 bytes are not random: few distinct values, a repetition, a sequence, or text that someone typed."""
    steps = {(after - before) % 256 for before, after in zip(key, key[1:], strict=False)}
    return len(set(key)) < MIN_KEY_VALUES or len(steps) < MIN_KEY_VALUES // 2 or bool(_TYPED.fullmatch(key))


def is_weak_token(token: str, length: int) -> bool:
    """Whether a token is shorter than `length`, or has few distinct characters, or is a sequence or a placeholder."""
    steps = {ord(after) - ord(before) for before, after in zip(token, token[1:], strict=False)}
    few = len(set(token)) < MIN_TOKEN_CHARACTERS or len(steps) < MIN_TOKEN_CHARACTERS // 2
    return len(token) < length or few or _is_placeholder(token)


def _is_placeholder(token: str) -> bool:
    letters = re.sub(r"[^a-z]", "", token.lower())
    return any(letters.startswith(word) for word in ("changeme", "example", "password", "replaceme", "secret", "your"))


def names_of(problems: Iterable[str]) -> set[str]:
    """The setting that each problem starts with."""
    return {re.split(r"[: ]", problem, maxsplit=1)[0] for problem in problems}


def webhook_problem(url: str, hosts: Sequence[str], *, local: bool) -> str:
    """Why events must not be sent to a URL; empty if they may. hosts: those allowed, with a port unless it is 443.

    local: whether the line is local, so that it may also send to this machine without TLS.
    """
    try:
        address = urlsplit(url)
        port = address.port
    except ValueError:
        return "This is not a URL: write it like https://ehr.example.org/events."
    if not url.isascii() or not url.isprintable() or " " in url or address.username or address.password:
        return "This is not a URL: write it like https://ehr.example.org/events."
    is_local = local and address.scheme == "http" and is_loopback(url)
    if not address.hostname or (address.scheme != "https" and not is_local):
        return "The URL must start with https://."
    host = f"{address.hostname}:{port}" if port and port != 443 else address.hostname
    if host not in hosts:
        return "This host is not allowed: ask the operator of the line to add it to WEBHOOK_HOSTS."
    return ""


def tracing_problems(endpoint: str) -> list[str]:
    """Why traces cannot be sent. endpoint: empty if none are to be."""
    from importlib.metadata import PackageNotFoundError, version

    if not endpoint:
        return []
    try:
        for package in ("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http"):
            version(package)
    except PackageNotFoundError:
        return [
            "OTEL_EXPORTER_OTLP_ENDPOINT needs packages that are not installed: run"
            " `pip install --require-hashes -r requirements-tracing.txt`, or remove it"
        ]
    return []


def decode_key(text: str) -> bytes:
    """Decode a 32-byte key from base64url. Raises ValueError."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{43}=?", text.strip()):
        raise ValueError("each key must be 32 random bytes in base64url: 43 letters, digits, hyphens, or underscores")
    return base64.urlsafe_b64decode(text.strip().rstrip("=") + "=")
