"""What was said: conversations, their messages and files, and what is made of them."""
