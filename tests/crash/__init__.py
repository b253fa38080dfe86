"""The hand-over of texts, interrupted at every point where a process touches the world outside it."""
