"""The pages of this area."""

from __future__ import annotations

from flask import Blueprint, render_template

blueprint = Blueprint("settings", __name__, template_folder="templates")


@blueprint.get("/settings")
def show() -> str:
    return render_template("settings/show.html")
