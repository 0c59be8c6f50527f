"""The simulated provider, piece by piece."""
