"""The blueprint of the area, to which each module of views adds its own."""

from flask import Blueprint

blueprint = Blueprint("prompts", __name__, template_folder="templates")
