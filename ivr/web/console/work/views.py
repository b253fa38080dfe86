"""The pages of this area."""

from __future__ import annotations

from flask import Blueprint, render_template

blueprint = Blueprint("work", __name__, template_folder="templates")


@blueprint.get("/work")
def callbacks() -> str:
    return render_template("work/callbacks.html")
