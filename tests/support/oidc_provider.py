"""A small OpenID Connect provider with real keys."""

from __future__ import annotations

import http.server
import json
import threading
import time
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

EMAIL, CLIENT, SECRET = "rosa@example.org", "infoline", "a client secret"


@cache
def _key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "k1"})


class Provider:
    """A provider at which everybody is signed in. claims: what it says of the user, over the required claims."""

    def __init__(self) -> None:
        self.key, self.claims = _key(), dict[str, Any]()
        self.signing_key = self.key
        self.nonce, self.requests = "", list[dict[str, list[str]]]()
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
                if path == "/authorize":
                    provider.nonce = query["nonce"][0]
                    answer = urlencode({"code": "c", "state": query["state"][0]})
                    self.send_response(302)
                    self.send_header("Location", f"{query['redirect_uri'][0]}?{answer}")
                    self.end_headers()
                    return
                documents = {"/.well-known/openid-configuration": provider.metadata, "/jwks": provider.jwks}
                self.answer(documents[path]())

            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                provider.requests.append(form)
                self.answer({"access_token": "t", "token_type": "Bearer", "id_token": provider.id_token()})

            def answer(self, document: dict[str, Any]) -> None:
                body = json.dumps(document).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.004,), daemon=True).start()

    def metadata(self) -> dict[str, Any]:
        endpoints = {"authorization": "authorize", "token": "token"}
        return {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/jwks",
            "id_token_signing_alg_values_supported": ["RS256"],
            **{f"{name}_endpoint": f"{self.url}/{path}" for name, path in endpoints.items()},
        }

    def jwks(self) -> dict[str, Any]:
        return {"keys": [self.key.as_dict(private=False)]}

    def id_token(self) -> str:
        now = int(time.time())
        required = {"iss": self.url, "sub": "1", "aud": CLIENT, "iat": now, "exp": now + 60, "nonce": self.nonce}
        claims = {**required, "email": EMAIL, "email_verified": True, **self.claims}
        given = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode({"alg": "RS256", "kid": "k1"}, given, self.signing_key)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
