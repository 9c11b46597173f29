"""The kanpan engine: everything that decides, trades and remembers, with no screen."""
