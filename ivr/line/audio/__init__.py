"""Sound files: uploads converted for telephones, and prompts rendered in a local voice.

Reading the headers of a WAV or MP3 belongs in `content`, which works without numpy.
"""
