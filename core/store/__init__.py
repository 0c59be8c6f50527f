"""Tables, database access and migrations: SQL and nothing else."""
