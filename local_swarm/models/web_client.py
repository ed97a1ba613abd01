"""A question to an address in, the reply of whoever has the answer out: by the right proxy, along redirects, with the token for
its own host alone. What goes wrong on the way is `Passing`, or a DownloadFailed that says what to do."""

from __future__ import annotations

import os
import ssl
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from local_swarm.commands import command
from local_swarm.errors import DownloadFailed
from local_swarm.models.patience import Passing
from local_swarm.proxies import Proxy, proxy_for

if TYPE_CHECKING:
    from httpx2 import Response

SILENCE_S = 10.0  # for an answer to begin, and between two pieces of it
MOST_REDIRECTS = 10
TRUSTED_BY = ("SSL_CERT_FILE", "SSL_CERT_DIR")  # the first counts
PROXY_KINDS = ("http", "https", "socks5", "socks5h")


class WebClient:
    """`home`: the address whose host gets the headers in `secret`; nobody else ever does."""

    def __init__(self, home: str, environment: Mapping[str, str] = os.environ) -> None:
        self.home, self.environment = home, environment

    @cached_property
    def tls(self) -> ssl.SSLContext:
        from httpx2 import create_ssl_context

        try:
            return create_ssl_context()
        except (OSError, ssl.SSLError) as problem:
            named = next((f"{name}={os.environ[name]}" for name in TRUSTED_BY if os.environ.get(name)), "")
            raise DownloadFailed(
                f"{named or 'The certificates of this machine'} cannot be read: {problem}."
            ) from problem

    @contextmanager
    def ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        secret: Mapping[str, str],
        settled: Callable[[Response], bool] = lambda _: False,
    ) -> Iterator[Response]:
        """The reply at the end of the redirects, or the one at which `settled` finds what it wants; it sees each of them."""
        seen = {url}
        while True:
            sent = {**headers, **(secret if at_home(url, self.home) else {})}
            with self.once(method, url, sent) as response:
                if settled(response) or not response.has_redirect_location:
                    yield response
                    return
                url = next_address(response, url)
            if url in seen or len(seen) > MOST_REDIRECTS:
                raise Passing(f"{host_of(self.home)} redirects in circles", advice="Try another mirror in HF_ENDPOINT.")
            seen.add(url)

    @contextmanager
    def once(self, method: str, url: str, headers: Mapping[str, str]) -> Iterator[Response]:
        import httpx2

        proxy = proxy_for(url, self.environment)
        check_proxy(proxy)
        encrypted = url.startswith("https:") or (proxy is not None and proxy.url.startswith("https:"))
        verify = self.tls if encrypted else False  # reading all certificates takes a tenth of a second
        try:
            with (
                httpx2.Client(
                    proxy=proxy.url if proxy else None, trust_env=False, verify=verify, timeout=SILENCE_S
                ) as client,
                client.stream(method, url, headers=headers) as response,
            ):
                if response.status_code == 407:
                    raise wants_password(proxy)
                yield response
        except httpx2.TransportError as problem:
            raise trouble_of(problem, host_of(url), proxy) from problem
        except (httpx2.HTTPError, httpx2.InvalidURL) as problem:
            where = f"The proxy {proxy}" if proxy and not isinstance(problem, httpx2.HTTPError) else host_of(url)
            raise DownloadFailed(f"{where} cannot be used: {str(problem).splitlines()[0][:200]}") from problem


def host_of(url: str) -> str:
    """With its port, and without a name or password that stands before it."""
    return urlsplit(url).netloc.rpartition("@")[2] or url


def at_home(url: str, home: str) -> bool:
    """Whether an address is of that host, or its safe form."""
    one, other = urlsplit(url), urlsplit(home)
    safer = one.scheme == "https" and one.port is None and other.port is None and one.hostname == other.hostname
    return safer or (one.scheme, host_of(url)) == (other.scheme, host_of(home))


def next_address(response: Response, url: str) -> str:
    """Where a redirect leads. Raises Passing for what is no address of the web, DownloadFailed for a less safe one."""
    told = response.headers["location"]
    try:
        found = urljoin(url, told)
        parts = urlsplit(found)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise Passing(
            f"{host_of(url)} redirects to {told[:200]!r}, which is no web address", advice="Try another mirror."
        )
    if urlsplit(url).scheme == "https" and parts.scheme == "http":
        raise DownloadFailed(f"{host_of(url)} redirects to {host_of(found)} without encryption, which is not followed.")
    return found


def check_proxy(proxy: Proxy | None) -> None:
    """Raises DownloadFailed for one that cannot be used."""
    if proxy is None:
        return
    try:
        parts = urlsplit(proxy.url)
        usable = parts.scheme in PROXY_KINDS and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        raise DownloadFailed(f"{proxy} names no proxy that can be used. Write it as http://HOST:PORT, or unset it.")
    if parts.scheme.startswith("socks") and find_spec("socksio") is None:
        raise DownloadFailed(
            f"{proxy} is a SOCKS proxy, for which the package socksio is missing. Name an HTTP proxy, or install it: "
            f"{sys.executable} -m pip install socksio"
        )


def wants_password(proxy: Proxy | None) -> DownloadFailed:
    which = f"The proxy {proxy}" if proxy else "A proxy"
    return DownloadFailed(
        f"{which} wants a name and a password (HTTP 407). Write them into it: http://NAME:PASSWORD@HOST:PORT"
    )


def trouble_of(problem: Exception, host: str, proxy: Proxy | None) -> Exception:
    """What a connection's failure means: final where a person must do something, else `Passing`."""
    import httpx2

    through = f" through {proxy}" if proxy else ""
    reason = str(problem)
    if isinstance(problem, httpx2.ProxyError) and reason[:3] in ("407", "401"):
        return wants_password(proxy)
    if isinstance(problem, httpx2.ProxyError) and reason[:1] == "4" and reason[:3] not in ("408", "425", "429"):
        return DownloadFailed(f"The proxy {proxy} does not let through to {host}: {reason[:100]}. Ask whoever runs it.")
    if "CERTIFICATE_VERIFY_FAILED" in reason:
        why = reason.partition("verify failed: ")[2].partition(" (_ssl")[0] or "it is not trusted"
        return DownloadFailed(
            f"The certificate of {host} is not accepted{through}: {why}. If a proxy opens encrypted connections here, name the "
            "file with its certificate in SSL_CERT_FILE."
        )
    if isinstance(problem, (httpx2.ConnectError, httpx2.ConnectTimeout)):
        return Passing(f"{host} cannot be reached{through}", reached=False, advice=unreachable_advice(proxy))
    if isinstance(problem, httpx2.TimeoutException):
        return Passing(f"{host} does not answer{through}", advice=unreachable_advice(proxy))
    return Passing(f"The connection to {host} broke off{through}", advice=unreachable_advice(proxy))


def unreachable_advice(proxy: Proxy | None) -> str:
    first = (
        f"Check {proxy.variable}" if proxy else "Check the connection, or set HTTPS_PROXY where the network has a proxy"
    )
    return f"{first}. A mirror can be set in HF_ENDPOINT. To run a file that is here: {command('--model', 'FILE.gguf')}"
