"""The pages of this area."""

from __future__ import annotations

from flask import Blueprint, render_template

blueprint = Blueprint("prompts", __name__, template_folder="templates")


@blueprint.get("/prompts")
def topics() -> str:
    return render_template("prompts/topics.html")
