"""Tools of servers that speak the Model Context Protocol: kept open, restarted, never a danger to a turn."""
