"""Every way a call can fail, as an error that says what happened and what to do."""

import json
import math
import ssl
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

import anthropic
import httpx2

from core.clock import now
from core.errors import ProviderBroken, ProviderBusy, ProviderError, ProviderRefused
from core.provider.reply import MalformedEvent
from core.provider.request import KeySource

_HOPELESS = (httpx2.UnsupportedProtocol, httpx2.LocalProtocolError, ssl.SSLCertVerificationError)
"""What fails the next time as well."""

_RETRIED_STATUS = {408, 409, 429}
_LONGEST_DETAIL = 500

_AGAIN = "Your message is kept; send it again in a minute."
_PARTLY = "What arrived is kept; send the message again for a whole answer."
_STATUS_KIND = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "request_timeout",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_TEXT = {
    "authentication_error": "The provider does not accept {key}",
    "billing_error": (
        "The provider account has no credit left. Add credit in the Anthropic Console under Billing, then send the "
        "message again."
    ),
    "permission_error": (
        "The API key may not use the model {model}. Choose another model for this agent, or ask for access in the "
        "Anthropic Console."
    ),
    "not_found_error": "The provider does not know the model {model}. Choose another model for this agent.",
    "request_too_large": (
        "This conversation is larger than the provider takes in one request. Start a new conversation or send less."
    ),
    "prompt_too_long": (
        "This conversation is longer than {model} can read. Start a new conversation, shorten the message, or choose "
        "a model with a larger context window."
    ),
    "spend_limit_reached": (
        "The spend limit of the provider account is reached; trying again does not help. Raise the limit in the "
        "Anthropic Console under Limits, or wait until it renews."
    ),
    "rate_limit_error": "The provider's rate limit is reached. {wait}",
    "overloaded_error": "The provider is overloaded at the moment. {wait}",
    "timeout_error": f"The provider took too long to answer. {_AGAIN}",
    "connection_error": (
        "The provider cannot be reached. Whoever runs this server should check its network and ANTHROPIC_BASE_URL. "
        "Your message is kept; send it again when the connection is back."
    ),
    "connect_timeout": (
        "The provider did not accept a connection in time. Check the network and ANTHROPIC_BASE_URL. Your message "
        "is kept; send it again when the connection is back."
    ),
    "not_begun": (
        "What answered is not the provider's API, or broke off before its answer began. Check ANTHROPIC_BASE_URL. Your "
        "message is kept; send it again in a minute."
    ),
    "stream_cut": f"The connection to the provider broke in the middle of the answer. {_PARTLY}",
    "stream_silent": f"The provider stopped sending in the middle of the answer. {_PARTLY}",
    "stream_incomplete": f"The provider ended the answer before it was finished. {_PARTLY}",
    "stream_garbled": f"The provider sent something that cannot be read. {_PARTLY}",
    "turn_timeout": (
        "The answer took longer than TURN_SECONDS allows and was ended. Ask for a shorter answer, or raise the limit."
    ),
    "unsendable_text": "The message has characters that cannot be sent. Remove unusual symbols and send it again.",
}

_WRONG_KEY: dict[KeySource, str] = {
    "own": ("your own API key. Enter a valid one on the page Account, or remove it there to use the organisation's."),
    "organisation": "the organisation's API key. An admin can enter a valid one on the page Settings.",
    "environment": (
        "the API key of this installation. Its operator can put a valid key into ANTHROPIC_API_KEY and start the app "
        "again, and an admin can enter one on the page Settings; or enter a key of your own on the page Account."
    ),
}


class ContentSilent(Exception):
    """The connection lives, but nothing of the answer comes."""


class IncompleteStream(MalformedEvent):
    """The stream ended in good order, but before the answer did."""


FAILURES = (
    anthropic.APIError,
    httpx2.HTTPError,
    json.JSONDecodeError,
    UnicodeError,
    TimeoutError,
    MalformedEvent,
    ContentSilent,
)
"""Everything the SDK lets through when a call or its stream fails; TimeoutError is our own cap on the whole answer."""


def provider_error(
    error: Exception, *, model: str, started: bool, secret: str = "", key_source: KeySource | None = None
) -> ProviderError:
    """Translate one of FAILURES.

    ProviderBusy means that another try may succeed; ``started`` says whether the stream had begun. ``secret`` is
    taken out of what the provider said, should it repeat it.
    """
    if isinstance(error, anthropic.APIStatusError):
        return _from_status(error, model, secret, key_source or "environment")
    cause = _cause(error)
    kind = _own_kind(cause, started=started)
    spoken = kind if started or not kind.startswith("stream") else "not_begun"
    text, detail = _TEXT[spoken].format(model=model), _detail(f"{type(cause).__name__}: {cause}", secret)
    return _own_class(kind, cause)(text, kind=kind, detail=detail)


def _own_class(kind: str, cause: Exception) -> type[ProviderError]:
    if kind == "unsendable_text" or any(isinstance(each, _HOPELESS) for each in _chain(cause)):
        return ProviderRefused
    return ProviderBroken if kind.startswith(("stream", "turn")) else ProviderBusy


def _cause(error: Exception) -> Exception:
    """The SDK wraps what failed below it before an answer began."""
    wrapped = error.__cause__ if isinstance(error, anthropic.APIConnectionError) else None
    return wrapped if isinstance(wrapped, Exception) else error


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _own_kind(error: Exception, *, started: bool) -> str:
    if isinstance(error, UnicodeEncodeError):
        return "unsendable_text"
    if isinstance(error, IncompleteStream):
        return "stream_incomplete"
    if isinstance(error, (MalformedEvent, json.JSONDecodeError, UnicodeError)):
        return "stream_garbled"
    if isinstance(error, TimeoutError):
        return "turn_timeout"
    if isinstance(error, (httpx2.ConnectTimeout, httpx2.PoolTimeout)):
        return "connect_timeout"
    if isinstance(error, (httpx2.TimeoutException, ContentSilent)):
        return "stream_silent" if started else "timeout_error"
    return "stream_cut" if started else "connection_error"


def _from_status(error: anthropic.APIStatusError, model: str, secret: str, key_source: KeySource) -> ProviderError:
    """A refusal by the API: at once by its HTTP status, or as an ``error`` event in a stream that began well."""
    kind, detail = _status_kind(error), _detail(error.api_message or error.message, secret)
    wait = _retry_after(error.response.headers)
    error_class = ProviderBusy if _may_retry(error, kind) else ProviderRefused
    text = _status_text(kind, detail, busy=error_class is ProviderBusy)
    return error_class(
        text.format(model=model, wait=_wait_text(wait), key=_WRONG_KEY[key_source]),
        kind=kind,
        detail=detail,
        http_status=error.status_code,
        request_id=error.request_id or _body_request_id(error.body),
        retry_after=wait,
    )


_USED_UP = ("credit balance", "insufficient credit", "insufficient_quota", "exceeded your current quota")


def _status_kind(error: anthropic.APIStatusError) -> str:
    message = (error.api_message or "").lower()
    if (error.error_code or "").endswith("spend_limit_reached") or "specified api usage limits" in message:
        return "spend_limit_reached"
    if error.status_code in (400, 402, 403, 429) and any(words in f"{error.type} {message}" for words in _USED_UP):
        return "billing_error"
    if error.status_code == 400 and ("prompt is too long" in message or "context window" in message):
        return "prompt_too_long"
    return error.type or _STATUS_KIND.get(error.status_code, f"http_{error.status_code}")


_BUSY_KINDS = {"rate_limit_error", "overloaded_error", "api_error", "timeout_error"}


def _may_retry(error: anthropic.APIStatusError, kind: str) -> bool:
    """The API's own word counts most; a spend limit is a 429 that no retry mends."""
    if kind in ("spend_limit_reached", "billing_error"):
        return False
    should = error.response.headers.get("x-should-retry")
    if should in ("true", "false"):
        return bool(should == "true")
    return kind in _BUSY_KINDS or error.status_code in _RETRIED_STATUS or error.status_code >= 500


def _status_text(kind: str, detail: str, *, busy: bool) -> str:
    if kind in _TEXT:
        return _TEXT[kind]
    if busy:
        return f"The provider has a problem of its own. {_AGAIN}"
    said = detail.replace("{", "{{").replace("}", "}}")
    return f"The provider did not accept the request. Change the message or the agent's settings. It said: {said}"


def _wait_text(seconds: float | None) -> str:
    return _AGAIN if seconds is None else f"Your message is kept; wait {math.ceil(seconds)} s and send it again."


def _detail(text: str, secret: str) -> str:
    return (text.replace(secret, "[key]") if secret else text)[:_LONGEST_DETAIL]


def _body_request_id(body: object) -> str | None:
    found = body.get("request_id") if isinstance(body, dict) else None
    return found if isinstance(found, str) else None


def _retry_after(headers: httpx2.Headers) -> float | None:
    """Seconds to wait as the provider asks for them: milliseconds, seconds, or a date."""
    milliseconds = _seconds(headers.get("retry-after-ms"))
    return milliseconds / 1000 if milliseconds is not None else _seconds(headers.get("retry-after"))


def _seconds(value: str | None) -> float | None:
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        seconds = _seconds_until(value)
    return max(seconds, 0.0) if math.isfinite(seconds) else None


def _seconds_until(value: str) -> float:
    try:
        return (parsedate_to_datetime(value) - now()).total_seconds()
    except (ValueError, TypeError):
        return math.nan
