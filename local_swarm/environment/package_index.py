"""Pip's settings in, what stands between this machine and its package index out, as a sentence. Standard library only.

Pip says little about why an index gave nothing, and every version says it in other words. So the index is asked once more, by the
same proxy and with the same certificates, and what happens then is told.
"""

from __future__ import annotations

import ast
import base64
import http.client
import os
import re
import socket
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, unquote, urlsplit

from local_swarm.proxies import Proxy, proxy_for
from local_swarm.terminal import line

USUAL = "https://pypi.org/simple"
PROBED = "pip"  # a package that every index has
LISTED = re.compile(rb"pip-\d", re.IGNORECASE)  # the beginning of its files' names
MOST_OF_PAGE_BYTES = 1 << 20  # of a reply
MOST_LINES = 1_000  # of pip's settings
LONGEST = 120  # characters of a foreign text in a sentence
PATIENCE_S = 10.0
CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")  # what pip heeds where its own setting names none
CONFIGURED = "pip's configuration file"

YES = ("1", "true", "yes", "on")
HTTP = ("http", "https")
NO_SOCKS = "pip takes proxies of http:// and https:// alone"

Kind = Literal["unknown", "refused", "silent", "untrusted", "status", "tunnel", "foreign", "unusable"]
PHRASES: Mapping[Kind, str] = {
    "unknown": "is not found by its name",
    "refused": "refuses the connection",
    "silent": "does not answer",
    "untrusted": "shows a certificate that is not trusted here ({})",
    "status": "answers {}",
    "tunnel": "answers {}",
    "foreign": "answers with a page that is no package index, perhaps a login page",
    "unusable": "cannot be used ({})",
}
# What a proxy is to blame for, where there is one.
OF_PROXY: tuple[Kind, ...] = ("unknown", "refused", "silent", "tunnel")


@dataclass(frozen=True, slots=True)
class NamedValue:
    """`source`: the variable or file that says it."""

    value: str
    source: str


@dataclass(frozen=True, slots=True)
class Route:
    """How pip reaches its index. `named_by` is empty where nobody named one."""

    index: str
    named_by: str = ""
    proxy: Proxy | None = None
    certificates: NamedValue | None = None


@dataclass(frozen=True, slots=True)
class Obstacle:
    kind: Kind
    detail: str = ""


def read_settings(printed: str) -> Mapping[str, NamedValue]:
    """What `pip config list` prints, by name. Variables count more than what is configured for `install`, and that more than
    what is for all of pip; it prints them in this order."""
    found: dict[str, NamedValue] = {}
    for text in sorted(printed.splitlines()[:MOST_LINES], key=rank):
        name, mark, value = text.partition("=")
        section, _, key = name.strip().rpartition(".")
        if mark and section in (":env:", "install", "global"):
            variable = "PIP_" + key.upper().replace("-", "_")
            found[key] = NamedValue(without_quotes(value), variable if section == ":env:" else CONFIGURED)
    return found


def rank(text: str) -> int:
    return 2 if text.startswith(":env:") else 1 if text.startswith("install.") else 0


def without_quotes(value: str) -> str:
    try:
        return str(ast.literal_eval(value.strip()))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return value.strip()


def route_of(settings: Mapping[str, NamedValue], environment: Mapping[str, str]) -> Route:
    """Raises ValueError for an index that is no address."""
    index = settings.get("index-url") or NamedValue(USUAL, "")
    own = settings.get("proxy")
    proxy = Proxy.from_setting(own.source, own.value) if own else proxy_for(index.value, environment)
    named = [NamedValue(environment[name], name) for name in CERTIFICATES if environment.get(name)]
    certificates = settings.get("cert") or next(iter(named), None)
    return Route(index.value, index.source, proxy, certificates)


def explain_index(printed: str, environment: Mapping[str, str] = os.environ) -> str:
    """`printed`: pip's settings as `pip config list` shows them. Nothing where the index can be used, or is a folder."""
    settings = read_settings(printed)
    forbids = settings.get("no-index")
    if forbids and forbids.value.lower() in YES:
        return f"Pip is told to ask no package index: {forbids.source} says no-index. Take that out and run this again."
    named = settings.get("index-url")
    try:
        route = route_of(settings, environment)
        if urlsplit(route.index).scheme in HTTP:
            obstacle = ask(route)
            return describe(route, obstacle) if obstacle else ""
    except ValueError:
        pass
    if named is None or named.value.startswith("file:") or Path(named.value).exists():
        return ""
    return f"The package index that {named.source} names is no address. Correct it and run this again."


def ask(route: Route) -> Obstacle | None:
    """Fetch one page of the index. Raises ValueError for an address that is none."""
    import ssl  # some Pythons have none; then it is too early to ask for it

    if route.proxy and urlsplit(route.proxy.url).scheme not in HTTP:
        return Obstacle("unusable", NO_SOCKS)
    try:
        context = ssl.create_default_context(cafile=route.certificates.value if route.certificates else None)
    except OSError as problem:
        return Obstacle("unusable", f"its certificates, {problem.strerror or problem}")
    proxies = dict.fromkeys(("http", "https"), route.proxy.url) if route.proxy else {}
    handlers = (urllib.request.ProxyHandler(proxies), urllib.request.HTTPSHandler(context=context))
    try:
        with urllib.request.build_opener(*handlers).open(page_of(route.index), timeout=PATIENCE_S) as reply:
            return None if LISTED.search(reply.read(MOST_OF_PAGE_BYTES)) else Obstacle("foreign")
    except (OSError, http.client.HTTPException) as problem:
        return obstacle_of(problem)


def page_of(index: str) -> urllib.request.Request:
    """Name and password stand in a header, as urllib does not take them in an address; where it redirects to gets none."""
    parts = urlsplit(index)
    page = parts._replace(netloc=parts.netloc.rpartition("@")[2], path=f"{parts.path.rstrip('/')}/{PROBED}/")
    request = urllib.request.Request(page.geturl())
    if parts.username:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        request.add_unredirected_header("Authorization", "Basic " + base64.b64encode(pair.encode()).decode())
    return request


def obstacle_of(problem: Exception) -> Obstacle | None:
    """None for an index that answers, and only lacks that page."""
    if isinstance(problem, urllib.error.HTTPError):
        return None if problem.code == http.HTTPStatus.NOT_FOUND else Obstacle("status", status_words(problem.code))
    reason = problem.reason if isinstance(problem, urllib.error.URLError) else problem
    if type(reason).__name__ == "SSLCertVerificationError":
        return Obstacle("untrusted", getattr(reason, "verify_message", "") or line(str(reason))[:LONGEST])
    if isinstance(reason, socket.gaierror):
        return Obstacle("unknown")
    if isinstance(reason, ConnectionRefusedError):
        return Obstacle("refused")
    if isinstance(reason, TimeoutError):
        return Obstacle("silent")
    if code := re.search(r"Tunnel connection failed: (\d{3})", str(reason)):
        return Obstacle("tunnel", status_words(int(code[1])))
    return Obstacle("unusable", line(str(reason) or type(reason).__name__)[:LONGEST])


def status_words(code: int) -> str:
    words = http.client.responses.get(code, "")
    return f"{code} {words}".rstrip()


def describe(route: Route, obstacle: Obstacle) -> str:
    """Two sentences: who does not do its part, and what to do. No password is ever in them."""
    wrong = blamed_proxy(route, obstacle)
    subject, source = f"The package index {place(urlsplit(route.index))}", route.named_by
    if wrong:
        subject, source = f"The proxy {place(urlsplit(wrong.url))}", wrong.variable
    elif obstacle.kind == "unusable" and obstacle.detail.startswith("its certificates") and route.certificates:
        subject, source = f"The file {route.certificates.value}", route.certificates.source
    named = f" that {source} names" if source else ""
    through = f", by the proxy of {route.proxy.variable}" if route.proxy and not wrong else ""
    phrase = PHRASES[obstacle.kind].format(obstacle.detail)
    return f"{subject}{named} {phrase}{through}. {remedy(obstacle, source, proxied=wrong is not None)} Then run this again."


def blamed_proxy(route: Route, obstacle: Obstacle) -> Proxy | None:
    return route.proxy if obstacle.kind in OF_PROXY or obstacle.detail.startswith(("407", NO_SOCKS)) else None


def place(address: SplitResult) -> str:
    return line(address.netloc.rpartition("@")[2])[:LONGEST]


def remedy(obstacle: Obstacle, source: str, proxied: bool) -> str:
    if obstacle.kind == "untrusted" and re.search("expired|not yet valid", obstacle.detail):
        return f"This machine's clock says {datetime.now():%Y-%m-%d %H:%M}: set it, if that is wrong."
    if obstacle.kind == "untrusted":
        return "If your network inspects what it passes on, name its certificate file in PIP_CERT and SSL_CERT_FILE."
    if obstacle.kind == "foreign":
        return "Open any page in a browser and log in to your network."
    if obstacle.detail[:3] in ("401", "407") and source:
        return f"Write name and password into {source}: http://NAME:PASSWORD@HOST."
    if obstacle.detail.startswith("5"):
        return "Wait a while."
    if source:
        return f"Correct {source}{'' if source == CONFIGURED else ' or unset it'}."
    return "Connect to the internet." if proxied else "Connect to the internet; behind a proxy, set HTTPS_PROXY."
