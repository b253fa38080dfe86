"""A carrier that takes every text after a given latency, and counts: `python -m bench.stub_carrier PORT LATENCY_MS`.

As light as can be, so that what is measured is the worker. GET /taken tells {"texts", "people", "first", "last"}: how
many, to how many numbers, and between which moments (seconds of a clock that all processes share).
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from urllib.parse import parse_qs

_HEAD = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
_ANSWER = (
    '{"account_sid": "%s", "api_version": "2010-04-01", "body": "", "date_created": "Tue, 01 Dec 2026 15:00:00 +0000",'
    ' "date_sent": null, "date_updated": "Tue, 01 Dec 2026 15:00:00 +0000", "direction": "outbound-api",'
    ' "error_code": null, "error_message": null, "from": null, "messaging_service_sid": null, "num_media": "0",'
    ' "num_segments": "1", "price": null, "price_unit": "USD", "sid": "SM%032x", "status": "queued",'
    ' "subresource_uris": {}, "to": "", "uri": ""}'
)


class FarEnd(asyncio.Protocol):
    """One connection: a request at a time, as the SDK's clients make them."""

    latency = 0.0
    taken: list[tuple[float, str]] = []
    numbers = itertools.count(1)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._wire = transport
        self._held = b""

    def data_received(self, data: bytes) -> None:
        self._held += data
        head, found, body = self._held.partition(b"\r\n\r\n")
        if not found:
            return
        length = next(
            (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        if len(body) < length:
            return
        self._held = body[length:]
        if head.startswith(b"POST"):
            to = parse_qs(body[:length].decode())["To"][0]
            answer = (_ANSWER % ("AC" + "0" * 32, next(self.numbers))).encode()
            asyncio.get_running_loop().call_later(self.latency, self._took, to, answer)
        else:
            self._say(b"200 OK", json.dumps(self._counted()).encode())

    def _took(self, to: str, answer: bytes) -> None:
        self.taken.append((time.monotonic(), to))
        self._say(b"201 Created", answer)

    def _say(self, status: bytes, body: bytes) -> None:
        if not self._wire.is_closing():
            self._wire.write(_HEAD % (status, len(body)) + body)

    def _counted(self) -> dict[str, float]:
        moments = [at for at, _ in self.taken] or [0.0]
        people = len({to for _, to in self.taken})
        return {"texts": len(self.taken), "people": people, "first": moments[0], "last": moments[-1]}


async def _serve(port: int, latency: float) -> None:
    FarEnd.latency = latency
    server = await asyncio.get_running_loop().create_server(FarEnd, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), float(sys.argv[2]) / 1000))
