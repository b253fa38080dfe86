"""What line.yaml says, as forms: opening hours, holidays, the directory, and menus."""
