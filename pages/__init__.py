"""The pages: read, ask core, draw."""
