"""Requests that reach only addresses which have been looked at: each host is resolved once and that address is used."""

import socket
import ssl
from collections.abc import Awaitable, Callable, Container, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import anyio
import anyio.to_thread
import httpx2

from core.agent.tools.public_address import Address, is_public, parsed
from core.errors import ToolError

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]

_DEFAULT_PORTS = {"http": 80, "https": 443}


async def resolve(host: str, port: int) -> Sequence[str]:
    """Return the host's addresses, best first, as the machine finds them. Raises OSError or UnicodeError."""
    found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


@cache
def system_trust() -> ssl.SSLContext:
    """Certificates as the machine trusts them; the first call reads them, which takes a while."""
    return httpx2.create_ssl_context()


@dataclass(frozen=True, slots=True)
class Reach:
    """What may be connected to, and how to find out where it is."""

    allowed: Callable[[Address], bool] = is_public
    ports: Container[int] = frozenset(_DEFAULT_PORTS.values())
    resolve: Resolve = resolve
    trust: Callable[[], ssl.SSLContext] = system_trust
    seconds: float = 10.0


class PinnedTransport(httpx2.AsyncBaseTransport):
    """Every request passes here, also each one that follows a redirect. Raises ToolError for what is out of reach."""

    def __init__(self, reach: Reach, inner: httpx2.AsyncBaseTransport) -> None:
        self._reach = reach
        self._inner = inner

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        addresses = await self._addresses(request.url)
        response = await self._answer(request, addresses)
        if not response.has_redirect_location:
            return response
        await response.aclose()  # the client would read all of it
        return httpx2.Response(response.status_code, headers={"location": response.headers["location"]})

    async def _answer(self, request: httpx2.Request, addresses: Sequence[Address]) -> httpx2.Response:
        """Return the answer of the first address that takes the connection."""
        for address in addresses[:-1]:
            with suppress(httpx2.ConnectError, httpx2.ConnectTimeout):
                return await self._inner.handle_async_request(_pinned(request, address))
        return await self._inner.handle_async_request(_pinned(request, addresses[-1]))

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def _addresses(self, url: httpx2.URL) -> list[Address]:
        port = self._checked_port(url)
        try:
            addresses = parsed(await self._reach.resolve(url.host, port))
        except (OSError, ValueError):
            addresses = []
        if not addresses:
            raise ToolError(f"There is no host called {url.host[:100]}.")
        if not all(self._reach.allowed(address) for address in addresses):
            raise ToolError(f"{url.host[:100]} is not on the public internet, and nothing else may be read.")
        return addresses

    def _checked_port(self, url: httpx2.URL) -> int:
        if url.scheme not in _DEFAULT_PORTS or not url.host:
            raise ToolError("Only addresses that begin with http:// or https:// and name a host can be read.")
        if url.userinfo:
            raise ToolError("An address with a user name or password in it is not read.")
        port = url.port if url.port is not None else _DEFAULT_PORTS[url.scheme]
        if port not in self._reach.ports:
            raise ToolError(f"Port {port} may not be used, only the usual ones of http and https.")
        return port


def open_client(reach: Reach, trust: ssl.SSLContext, headers: dict[str, str]) -> httpx2.AsyncClient:
    """Make a client without proxies, cookies of others or retries; it follows a few redirects, each within reach."""
    # A kept connection is known by its address alone: another name there would go without its certificate.
    unkept = httpx2.Limits(max_keepalive_connections=0)
    inner = httpx2.AsyncHTTPTransport(verify=trust, trust_env=False, limits=unkept)
    return httpx2.AsyncClient(
        transport=PinnedTransport(reach, inner),
        headers=headers,
        follow_redirects=True,
        max_redirects=5,
        timeout=reach.seconds,
        trust_env=False,
    )


def _pinned(request: httpx2.Request, address: Address) -> httpx2.Request:
    """Send to the address itself, while Host and the certificate are still those of the name."""
    return httpx2.Request(
        request.method,
        request.url.copy_with(host=str(address)),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": request.url.host},
    )
