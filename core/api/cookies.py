"""The names of our cookies."""

SESSION_COOKIE = "command_center_session"
WANTED_COOKIE = "command_center_wanted"
"""The page to go to after an identity provider has been asked."""
