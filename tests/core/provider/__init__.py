"""The provider's client against the wire."""
