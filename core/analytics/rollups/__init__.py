"""Sums of the ledger that are never wrong: clean buckets from tables of sums, all others from the ledger itself."""
