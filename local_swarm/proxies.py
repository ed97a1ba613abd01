"""An address and the environment in, the proxy that leads there out, with the variable that names it. Standard library only.

The variables are those of curl (everything.curl.dev/usingcurl/proxies/env.html): a name in small letters counts before one in
capitals, `no_proxy` lists what is reached without a proxy."""

from __future__ import annotations

import os
import re
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

LONGEST_LIST = 100_000  # characters of `no_proxy` that are read
SYSTEM = "the system's settings"
PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Proxy:
    """`variable`: where it was named. `url` may hold a password; `str()` never does."""

    variable: str
    url: str

    @classmethod
    def from_setting(cls, variable: str, value: str) -> Proxy:
        """What is written without a scheme is spoken to in HTTP."""
        return cls(variable, value if "://" in value else f"http://{value}")

    def __str__(self) -> str:
        scheme, mark, rest = self.url.rpartition("://")
        return f"{self.variable}={scheme}{mark}{rest.rpartition('@')[2]}"


def proxy_for(url: str, environment: Mapping[str, str] = os.environ) -> Proxy | None:
    """The proxy by which an address is asked, None where it is asked directly. Raises ValueError for what is no address."""
    parts = urlsplit(url)
    host, port = (parts.hostname or "").rstrip("."), parts.port or PORTS.get(parts.scheme, 0)
    found = of_variables(parts.scheme, environment)
    if found is None:
        return of_system(parts.scheme, host)
    if any(covers(entry, host, port) for entry in entries(setting("no_proxy", environment)[1])):
        return None
    return found


def of_variables(scheme: str, environment: Mapping[str, str]) -> Proxy | None:
    for name in (f"{scheme}_proxy", "all_proxy"):
        variable, value = setting(name, environment)
        if value:
            return Proxy.from_setting(variable, value)
    return None


def setting(name: str, environment: Mapping[str, str]) -> tuple[str, str]:
    """The form of a variable that counts, and its value."""
    form = name if name in environment else name.upper()
    return form, environment.get(form, "").strip()


def entries(listed: str) -> list[str]:
    return re.split(r"[\s,;]+", listed[:LONGEST_LIST].strip())


def covers(entry: str, host: str, port: int) -> bool:
    """Whether an entry of `no_proxy` means this host: `*`, a name with what lies below it, an address or a network, in
    brackets or not, with or without a port. What cannot be read covers nothing."""
    if entry == "*":
        return True
    name, wanted = without_port(entry.rpartition("://")[2])
    if not name or wanted not in (None, str(port)):
        return False
    if network := network_of(name):
        with suppress(ValueError):
            return ip_address(host) in network
        return False
    bare = name.lstrip("*").strip(".").lower()
    return bool(bare) and (host == bare or host.endswith(f".{bare}"))


def without_port(entry: str) -> tuple[str, str | None]:
    """`[::1]:80`, `::1`, `[fe80::]/10`, `10.0.0.0/8` and `host:80`, each as its name and port."""
    if found := re.fullmatch(r"\[([^\]]*)\](/\d+)?(?::(\d+))?", entry):
        return found[1] + (found[2] or ""), found[3]
    name, colon, port = entry.partition(":")
    return (name, port) if colon and ":" not in port else (entry.rstrip("/"), None)


def network_of(name: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(name, strict=False)
    except ValueError:
        return None


def of_system(scheme: str, host: str) -> Proxy | None:
    """What Windows and macOS keep in their own settings."""
    ask = reader("getproxies_registry", "getproxies_macosx_sysconf")
    passes_by = reader("proxy_bypass_registry", "proxy_bypass_macosx_sysconf")
    url = (ask() if ask else {}).get(scheme)
    if not url or (passes_by and passes_by(host)):
        return None
    return Proxy.from_setting(SYSTEM, url)


def reader(*names: str) -> Callable[..., Any] | None:
    """The first of the standard library's functions that there is on this system."""
    return next((found for name in names if (found := getattr(urllib.request, name, None))), None)
