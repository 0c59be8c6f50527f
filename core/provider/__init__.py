"""The Anthropic client, its wire format and the simulator that speaks it."""
