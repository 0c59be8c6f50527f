"""A terminal client: sends a message and shows each event of the answer as it comes, with its time."""
