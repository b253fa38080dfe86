"""TwiML, laid out for reading: one verb a line. Works for any text, also for malformed XML."""

import re
from urllib.parse import unquote, urlsplit

_TOKEN = re.compile(r"<[^>]*>?|[^<]+")
_NEXT = re.compile(r'<(Gather|Dial|Redirect|Record)\b[^>]*?(?:\baction="([^"]*)"[^>]*>|>([^<]*))')
# Their text is mixed with markup, so a line break would change it.
_INLINE = ("Say", "Message", "Body", "Redirect", "Number", "Play", "Media")


def pretty(document: str) -> str:
    """The document with two spaces a level; what a person hears or reads stays on one line."""
    lines: list[str] = []
    depth, inline = 0, ""
    for token in _TOKEN.findall(document.strip()):
        name = re.match(r"</?([\w:]+)", token)
        closes, whole = token.startswith("</"), token.endswith("/>")
        if inline:
            lines[-1] += token
            inline = "" if closes and name and name[1] == inline else inline
        elif not token.strip():
            continue
        else:
            depth -= closes
            lines.append("  " * max(depth, 0) + token.strip())
            opens = name is not None and not closes and not whole
            inline = name[1] if opens and name and name[1] in _INLINE else ""
            depth += opens and not inline
    return "\n".join(lines)


def state_before(url: str) -> str:
    """The state that a webhook carries to the line: what is behind the host in its URL."""
    parts = urlsplit(url)
    return unquote(parts.path + (f"?{parts.query}" if parts.query else ""))


def state_after(document: str) -> str:
    """The state that the next webhook will carry; "" if the document asks for none."""
    found = _NEXT.search(document)
    url = (found[2] or found[3] or "").replace("&amp;", "&") if found else ""
    return state_before(url) if url else ""
