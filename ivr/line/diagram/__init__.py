"""The menus of a line as a tree, as text and as an SVG. Checks of the menus belong in `lint`."""
