"""Refuses requests with text that no database can store, before a view reads it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NoReturn

from flask import Flask, request
from werkzeug.datastructures import MultiDict

from ivr.storable import is_storable

Part = Literal["path", "query", "form"]


def install(app: Flask, refuse: Callable[[Part], NoReturn], *, forms: bool) -> None:
    """Check the path and the query of each request. refuse: raises what answers it.

    forms: check forms too. Call it after what decides who may send one, because it reads the form.
    """

    @app.before_request
    def check() -> None:
        if not is_storable(request.path):
            refuse("path")
        if not _are_storable(request.args):
            refuse("query")
        if forms and not _are_storable(request.form):
            refuse("form")


def _are_storable(values: MultiDict[str, str]) -> bool:
    return all(is_storable(name) and is_storable(value) for name, value in values.items(multi=True))
