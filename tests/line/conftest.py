from __future__ import annotations

from tests.support.explored import explore_once

__all__ = ["explore_once"]
