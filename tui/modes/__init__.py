"""The console's modes: one screen each, composing panels and wiring them to the pump."""
