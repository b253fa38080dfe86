"""Text as characters and words: SMS segments, readability, normalization. What a text means belongs in `nlu`."""
