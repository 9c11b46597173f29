"""The console: a face of the engine that only reads its published state. Importing this package costs nothing."""
