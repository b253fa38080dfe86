"""The pages of this area."""

from __future__ import annotations

from flask import Blueprint, render_template

blueprint = Blueprint("people", __name__, template_folder="templates")


@blueprint.get("/people")
def find() -> str:
    return render_template("people/find.html")
