"""Signatures of thinking blocks: they come back unchanged, or the request is rejected."""

import base64
import hashlib
import hmac
from typing import Any

_SECRET = b"the simulator's own"
_NONCE_BYTES = 16


def sign_thinking(text: str, nonce: str) -> str:
    """A signature over the text as it was sent; a block whose text was left out signs the empty text."""
    salt = hashlib.sha256(nonce.encode()).digest()[:_NONCE_BYTES]
    return base64.b64encode(salt + _mac(salt, text)).decode()


def signature_is_ours(block: dict[str, Any]) -> bool:
    try:
        raw = base64.b64decode(block["signature"], validate=True)
        return hmac.compare_digest(raw[_NONCE_BYTES:], _mac(raw[:_NONCE_BYTES], block["thinking"]))
    except (KeyError, ValueError, TypeError, AttributeError):
        return False


def _mac(salt: bytes, text: str) -> bytes:
    return hmac.new(_SECRET + salt, text.encode(), hashlib.sha256).digest()
