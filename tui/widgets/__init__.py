"""The console's widgets: everything on the screen is lines of inked text that repaint only what changed."""
