"""Turns as programs see them: one set of events, a dialect for each door, one way of following."""
