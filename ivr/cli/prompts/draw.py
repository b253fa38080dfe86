"""`infoline prompts draw`: the menus as a picture or an outline."""

from __future__ import annotations

from pathlib import Path

import click

from ivr.cli.context import language_or_exit
from ivr.cli.prompts.folder import fail_wrapped, folder_content_or_exit, write_or_exit
from ivr.line.diagram import menu_tree, svg


@click.command()
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The SVG file to write. Any browser shows it.")
@click.option("--language", help="Default: the line's first language.")
@click.option("--words", is_flag=True, help="Print an outline.")
def draw(output: Path | None, language: str | None, words: bool) -> None:
    """Draw the menus and keys: draw -o line.svg

    Shows where each key leads, how long each prompt takes, and who answers key 0.
    """
    if not (output or words):
        fail_wrapped("Name the file to write, as in -o line.svg, or print an outline with --words.")
    _, content = folder_content_or_exit("Fix these errors first.")
    language = language_or_exit(language, content.config)
    if words:
        click.echo(menu_tree.describe_menu_tree(content, language))
    if output:
        write_or_exit(output, svg.render_svg(content, language).encode())
        click.echo(f"Wrote {output}: open it in a browser to view or print it.", err=words)
