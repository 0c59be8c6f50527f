"""Command Center: the engine, the books and everything that draws nothing."""
