"""Anthropic's client against the wire."""
