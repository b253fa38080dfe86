"""The page Today."""

from __future__ import annotations

from flask import Blueprint, render_template

blueprint = Blueprint("today", __name__, template_folder="templates")


@blueprint.get("/")
def show() -> str:
    return render_template("today/show.html")
