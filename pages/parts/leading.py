"""Leaving the pages for another address of this server."""

from urllib.parse import urlencode, urlsplit

import streamlit as st
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core.api.sign_in.signing import SIGN_IN
from core.settings import settings


def go_to(address: str) -> None:
    """Go to an address in the same tab, for which links have no way."""
    message, context = ForwardMsg(), get_script_run_ctx()
    message.auth_redirect.url = settings().sub_path + address
    if context is not None:
        context.enqueue(message)


def go_to_sign_in() -> None:
    """Go to sign in, from where people come back to the page."""
    go_to(f"{SIGN_IN}?{urlencode({'next': _here()})}")


def _here() -> str:
    path = urlsplit(st.context.url or "").path.removeprefix(settings().sub_path) or "/"
    asked = [(name, value) for name in st.query_params for value in st.query_params.get_all(name)]
    return path + (f"?{urlencode(asked)}" if asked else "")
