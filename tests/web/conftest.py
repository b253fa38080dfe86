"""Each test has an app of its own, of the same templates and addresses."""

from tests.support.compiled import compile_once

__all__ = ["compile_once"]
