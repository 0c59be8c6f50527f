"""What a file really holds, whatever it is called."""
