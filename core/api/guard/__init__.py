"""What stands before every address of the server: pages, files, programs' endpoints and WebSockets alike."""
