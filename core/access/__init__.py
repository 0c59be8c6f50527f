"""Who may come in and who may do what: people, sign-in, tokens, the vault of provider keys, the audit log."""
