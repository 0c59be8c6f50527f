"""Anthropic's Messages API: the client, its wire, and how a request, a reply and a failure are said on it."""
