"""What requests and replies are, and whoever gives them."""
