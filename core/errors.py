"""Every error the product raises on purpose.

AppError
├── InputError            400  what was asked cannot be done as asked
│   ├── ContextTooLong    413  the conversation does not fit the model
│   ├── FileRefused       400  a file that cannot be attached, or not to this agent's model
│   ├── AgentInactive     400
│   └── KeyReused         422  an Idempotency-Key that came with another request before
├── NotSignedIn           401  nobody, or not known as the one they say
├── NotFound              404
│   ├── ConversationGone  404
│   └── MessageGone       404  the message to replace has been replaced meanwhile
├── NotAllowed            403
├── NoProviderKey         403  no key to call the provider with, and no simulation wanted
├── BudgetSpent           402  a budget has no room for what a model call may cost
├── ConversationBusy      409  a turn is running in it already
├── TurnLost              409  another process answers for the turn by now
├── TooManyRequests       429
├── ShuttingDown          503
├── NotReady              503  up, but not fit to take turns at this moment
├── TooManyExports        503  others have to be downloaded first
├── ProviderError         502  the model's provider failed; ``kind`` is its error type
│   ├── ProviderBusy      503  429, 529 and the like: a later try may succeed
│   ├── ProviderRefused   502  a request that no retry mends: key, permission, malformed, too large
│   └── ProviderBroken    502  the stream ended early: cut, silent, garbled
├── StoreError            503  the database cannot be used now
│   ├── SchemaTooNew      503
│   ├── MigrationFailed   503
│   └── BackupError       503  a backup could not be written, or is not one
├── ToolError             502  a tool could not do what the model asked of it
│   ├── ToolInputInvalid  400
│   ├── ToolUnavailable   503  what the tool needs does not answer now
│   └── ToolDenied        403  somebody did not allow the call, or nobody did in time
└── SetupError            500  a setting or the machine is not fit to start
"""

from typing import Final

TRY_AGAIN: Final = frozenset(
    {
        *("rate_limit_error", "overloaded_error", "api_error", "timeout_error", "request_timeout", "conflict_error"),
        *("connection_error", "connect_timeout", "stream_cut", "stream_silent", "stream_incomplete", "stream_garbled"),
        *("shutdown", "instance_lost", "taken_over", "unwatched", "store_unavailable", "internal"),
    }
)
"""Error types of turns that people are told to try again, because a later try may succeed."""


class AppError(Exception):
    """``for_user`` says in plain words what happened and what to do; ``code`` is stable for programs."""

    status = 500
    code = "error"

    def __init__(self, for_user: str) -> None:
        super().__init__(for_user)
        self.for_user = for_user


class InputError(AppError):
    status, code = 400, "invalid_input"


class ContextTooLong(InputError):
    status, code = 413, "context_too_long"


class FileRefused(InputError):
    code = "file_refused"


class AgentInactive(InputError):
    code = "agent_inactive"


class KeyReused(InputError):
    status, code = 422, "idempotency_key_reused"


class NotSignedIn(AppError):
    status, code = 401, "not_signed_in"


class NotFound(AppError):
    status, code = 404, "not_found"


class ConversationGone(NotFound):
    pass


class MessageGone(NotFound):
    pass


class NotAllowed(AppError):
    status, code = 403, "not_allowed"


class NoProviderKey(AppError):
    status, code = 403, "no_provider_key"


class BudgetSpent(AppError):
    """``budget_id`` is the one that refused, ``agent_id`` whose call."""

    status, code = 402, "budget_spent"

    def __init__(self, for_user: str, *, budget_id: str | None = None, agent_id: str | None = None) -> None:
        super().__init__(for_user)
        self.budget_id, self.agent_id = budget_id, agent_id


class ConversationBusy(AppError):
    status, code = 409, "conversation_busy"


class TurnLost(AppError):
    """``task_trace_id`` is the turn's, which its instance must not write to any more."""

    status, code = 409, "taken_over"

    def __init__(self, task_trace_id: str) -> None:
        super().__init__(
            "Another process took this answer over, because this one did not answer for a while. "
            "What had arrived is kept. Press Retry to ask again."
        )
        self.task_trace_id = task_trace_id


class TooManyRequests(AppError):
    """``retry_after`` is in whole seconds."""

    status, code = 429, "too_many_requests"

    def __init__(self, for_user: str, *, retry_after: int = 1) -> None:
        super().__init__(for_user)
        self.retry_after = retry_after


class ShuttingDown(AppError):
    status, code = 503, "shutting_down"


class NotReady(AppError):
    status, code = 503, "not_ready"


class TooManyExports(AppError):
    status, code = 503, "too_many_exports"


class ProviderError(AppError):
    """``kind`` is the provider's error type, or ours where it gave none; ``retry_after`` is in seconds."""

    status, code = 502, "provider_error"

    def __init__(
        self,
        for_user: str,
        *,
        kind: str,
        detail: str = "",
        http_status: int | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(for_user)
        self.kind = kind
        self.detail = detail
        self.http_status = http_status
        self.request_id = request_id
        self.retry_after = retry_after


class ProviderBusy(ProviderError):
    status, code = 503, "provider_busy"


class ProviderRefused(ProviderError):
    code = "provider_refused"


class ProviderBroken(ProviderError):
    code = "provider_broken"


class StoreError(AppError):
    """``reason`` says in a few words, fit for anybody, what is wrong with the database."""

    status, code = 503, "store_unavailable"

    def __init__(self, for_user: str, *, reason: str = "the database cannot be used") -> None:
        super().__init__(for_user)
        self.reason = reason


class SchemaTooNew(StoreError):
    code = "schema_too_new"


class MigrationFailed(StoreError):
    code = "migration_failed"


class BackupError(StoreError):
    code = "backup_failed"


class ToolError(AppError):
    """``for_user`` is written for the model: what is wrong and what to try instead, nothing secret."""

    status, code = 502, "tool_failed"


class ToolInputInvalid(ToolError):
    status, code = 400, "tool_input_invalid"


class ToolUnavailable(ToolError):
    status, code = 503, "tool_unavailable"


class ToolDenied(ToolError):
    status, code = 403, "tool_denied"


class SetupError(AppError):
    code = "setup"
