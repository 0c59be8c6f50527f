"""The names of our cookies."""

SESSION_COOKIE = "command_center_session"
