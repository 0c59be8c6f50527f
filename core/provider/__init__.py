"""What a request, a reply, a block and a usage are, and whoever answers: Anthropic, or the simulator of its API."""
