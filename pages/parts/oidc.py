"""Signing in with an identity provider: Streamlit asks it who somebody is, and core says who that is here."""

from urllib.parse import urlencode

import streamlit as st
from streamlit.auth_util import encode_provider_token
from streamlit.runtime.secrets import SecretsValue

from core.access.access import cookie_secret
from core.access.oidc import OidcSignIn
from core.access.sessions import Session
from core.access.visit import Visit
from core.api.guard.leaving import LEAVES as WAY_OUT
from core.api.guard.way_back import LEAVES as WAY_IN
from core.errors import AppError, NotAllowed, NotSignedIn
from core.settings import Settings
from core.wiring import Services
from pages.parts.leading import go_to, go_to_sign_in
from pages.parts.markdown import as_text


def auth_secrets(chosen: Settings) -> dict[str, SecretsValue]:
    """Return what Streamlit has to know. Raises SetupError."""
    if chosen.auth != "oidc" or chosen.oidc_client_secret is None:
        return {}
    asked: dict[str, SecretsValue] = {"scope": chosen.oidc_scope, "prompt": "select_account"}
    return {
        "auth": {
            "redirect_uri": f"{chosen.address}/oauth2callback",
            "cookie_secret": cookie_secret(chosen),
            "client_id": chosen.oidc_client_id,
            "client_secret": chosen.oidc_client_secret.get_secret_value(),
            "server_metadata_url": chosen.oidc_discovery_url,
            "client_kwargs": asked,
        }
    }


def oidc_session(services: Services) -> Session:
    """Return this browser's session, looked up again each time.

    Raises NotSignedIn; NotAllowed for who does not belong here.
    """
    # Streamlit names no address for a browser on this machine.
    visit = Visit(st.context.ip_address or "127.0.0.1", st.context.headers.get("User-Agent", ""))
    return _oidc(services).session(st.user.to_dict(), visit)


def oidc_cookie(services: Services) -> str:
    """Return what this browser's session is known by. Raises NotSignedIn."""
    return _oidc(services).cookie(st.user.to_dict())


def way_to_provider() -> str:
    """Return the address that leads there, good for some seconds."""
    return f"{WAY_IN}?{urlencode({'provider': encode_provider_token('default')})}"


def leave_provider() -> None:
    """There as well, if it has a way to."""
    go_to(WAY_OUT)


def draw_oidc_way_in(services: Services) -> None:
    """Raises nothing: why somebody may not come in is said."""
    refusal = _refusal(services)
    if refusal is None:
        st.markdown("You are not signed in.")
        st.button("Sign in", type="primary", icon=":material/login:", on_click=go_to_sign_in)
    else:
        st.error(as_text(refusal), icon=":material/block:")
        st.button("Sign in as somebody else", icon=":material/logout:", on_click=leave_provider)


def _refusal(services: Services) -> str | None:
    try:
        oidc_session(services)
    except NotAllowed as error:
        return error.for_user
    except AppError:
        return None
    return None


def _oidc(services: Services) -> OidcSignIn:
    if services.access.oidc is None or not st.user.get("is_logged_in"):
        raise NotSignedIn("You are not signed in. Sign in to go on.")
    return services.access.oidc
