"""Questions asked of the books."""
