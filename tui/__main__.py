"""`python -m tui` is `kanpan`."""

from tui.cli import entry

entry()
