"""Alembic's migrations; each file in versions is one step, numbered, written once and never changed."""
