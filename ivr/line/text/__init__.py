"""Text as characters and words: SMS segments, readability, normalization. Its meaning belongs in `nlu`."""
