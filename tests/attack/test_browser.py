"""A page of another website in a real browser on the developer's machine, against the simulator."""

from __future__ import annotations

import http.server
import os
import shutil
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.simulator.conftest import line, network
from tests.support.network import JANE, Line, Network

__all__ = ["line", "network"]

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: apt-get install chromium"),
]
# What a page can try without the consent of the other side, and with it.
ATTEMPTS = """
async ([line, phone]) => {
  const text = JSON.stringify({from: phone, body: "STOP"});
  const paths = ["/simulator/texts", "/simulator/calls", "/simulator/faults", "/phone/assign", "/phone/hour"];
  const read = [];
  const attempt = async (path, options) => {
    try {
      const answer = await fetch(line + path, options);
      if (answer.type !== "opaque" && answer.ok) read.push(path);
    } catch (error) { /* refused by the browser */ }
  };
  for (const path of paths) {
    await attempt(path, {method: "POST", mode: "no-cors", body: text, headers: {"Content-Type": "text/plain"}});
    await attempt(path, {method: "POST", mode: "no-cors", body: new Blob([text])});
    await attempt(path, {method: "POST", body: text, headers: {"Content-Type": "application/json"}});
    await attempt(path, {method: "POST", body: text, headers: {"X-Phone-Page": "1"}});
    await attempt(path, {method: "POST", body: text, credentials: "include", mode: "cors"});
    await attempt(path, {method: "PUT", body: text});
    navigator.sendBeacon(line + path, new Blob([text], {type: "text/plain"}));
  }
  for (const path of ["/", "/simulator/errors", "/2010-04-01/Accounts.json"]) await attempt(path, {mode: "cors"});
  const frame = document.createElement("iframe");
  frame.name = "frame";
  document.body.append(frame);
  for (const path of paths) {
    const form = document.createElement("form");
    Object.assign(form, {action: line + path, method: "POST", enctype: "text/plain", target: "frame"});
    const field = document.createElement("input");
    Object.assign(field, {name: text.slice(0, -1) + ', "x": "', value: '"}'});
    form.append(field);
    document.body.append(form);
    form.submit();
    await new Promise((done) => setTimeout(done, 100));
  }
  await new Promise((done) => { const image = new Image(); image.onerror = image.onload = done; image.src = line; });
  return read;
}
"""


@pytest.fixture
def evil() -> Iterator[str]:
    """The address of another website, whose name leads to this machine."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>x</title><body></body>")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://evil.example:{server.server_port}/"
        server.shutdown()


@pytest.fixture
def page() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--host-resolver-rules=MAP evil.example 127.0.0.1"]
        )
        page = browser.new_page()
        page.set_default_timeout(60_000)
        yield page
        browser.close()


def test_a_page_of_another_website_moves_no_phone_and_reads_nothing(
    network: Network, line: Line, evil: str, page: Any
) -> None:
    page.goto(evil)
    assert page.evaluate(ATTEMPTS, [network.url, JANE]) == []
    # A name that leads to this machine makes the simulator a part of that website, if it answers to the name.
    rebound = f"http://evil.example:{urlsplit(network.url).port}"
    assert page.goto(rebound).status == 403
    assert page.evaluate(ATTEMPTS, [rebound, JANE]) == []
    assert line.asked == []
    # The same text, sent by a program, arrives.
    assert network.text("hello")[0] in (200, 502)
    assert [fields["Body"] for fields in line.params("/sms")] == ["hello"]
