"""What an agent sends to its model and how it goes on: no SQL, no books."""
