"""What the document of the API says in words."""

ABOUT = """
Ask agents, read what they said, and see to the nano-dollar what that cost.

Every request but those for health, signing in and signed links carries a token in the header `Authorization: Bearer
TOKEN`. That is an API token, which is made on the page Account and may be limited to some agents, or the access token
of `POST /api/auth/login`. Cookies are never looked at. Where people need not sign in, on one's own machine, neither
does a program.

Bodies are JSON with names in camelCase; what is a list stands in `data`. Times are ISO 8601 with their zone. Money is
exact: whole nano-dollars (10^-9 US dollars) as an integer, and the same as decimal dollars in a string; `null` is a
cost that is not known, which is never the same as 0.

An error is a problem as in RFC 9457, of the type `application/problem+json`: `code` is stable and for programs,
`detail` is a sentence for people that says what to do, `errors` names each parameter or field that is missing or
wrong. What belongs to somebody else is answered like what is not there.
""".strip()

TAGS = [
    {"name": "signing in", "description": "A password for a token that ends, and whom a token makes the caller."},
    {"name": "agents", "description": "The agents that the caller can ask."},
    {
        "name": "messages",
        "description": "Send a message and follow the answer. It goes on even if nobody watches, and a reader who "
        "lost the "
        "connection goes on from the `id` of the last event, by `Last-Event-ID`.",
    },
    {"name": "conversations", "description": "The caller's own: find, read, rename, archive, delete."},
    {"name": "traces", "description": "Every turn, what it did step by step, and the ledger lines of its cost."},
    {"name": "costs", "description": "Sums of the ledger, exact at every moment."},
    {"name": "exports", "description": "The books as files, by links that are good for a quarter of an hour."},
    {
        "name": "doors of the original system",
        "description": "For programs that were written for it. The headers `x-org-id` and `x-user-id` mean nothing.",
    },
    {"name": "operations", "description": "For whatever watches the server."},
]
