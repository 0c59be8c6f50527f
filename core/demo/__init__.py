"""A month of use that never was, for an installation that has nothing to show yet; all of it can be taken away."""
