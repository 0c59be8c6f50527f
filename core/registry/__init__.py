"""Who there is: agents and their versions, servers of tools, people."""
