"""Turns, conversations and the agents one can talk to."""
