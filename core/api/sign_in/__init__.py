"""Pages for people who are not signed in yet, and for signing out: plain HTML of the server's own, without a script."""
