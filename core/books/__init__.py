"""The books: what happened in a turn, written so that nothing is lost or counted twice."""
