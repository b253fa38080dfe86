"""WCAG 2.2 AA by axe."""

from __future__ import annotations

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_OPTIONS = {"runOnly": {"type": "tag", "values": _TAGS}, "resultTypes": ["violations"]}


def findings(page: Page) -> list[str]:
    """What axe finds on a page as it is now: the rule, the element, and what is wrong."""
    # The script is half a megabyte; a page is looked at several times.
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    results = page.evaluate("options => axe.run(options)", _OPTIONS)
    return [
        f"{violation['id']}: {node['html'][:160]} {node['failureSummary'][:300]}"
        for violation in results["violations"]
        for node in violation["nodes"][:3]
    ]
