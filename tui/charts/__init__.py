"""Numbers to glyphs, without Textual."""
