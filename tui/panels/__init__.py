"""The console's panels: each is a list of columns, or a way of laying text, over one topic of the engine's state."""
