"""Budgets: limits on spending, held before the provider is called and settled from the ledger's own lines."""
