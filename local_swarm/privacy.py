"""Settings in, what may leave this machine out, as one line for its user. Pure, and never kinder than the truth."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from local_swarm.api.middleware import is_loopback

KEPT = "Nothing leaves this machine"


@dataclass(frozen=True, slots=True)
class Reach:
    """Whom a swarm may talk to.

    `servers`: addresses of engines and fallback providers that are servers of others. `paired`: whether other machines vote too.
    `announced`: whether this machine announces itself on the local network. `open_to_network`: whether machines there become
    members without an invitation. `api_host`: the address that the API listens on. `offline`: whether servers outside the network
    are refused.
    """

    servers: tuple[str, ...] = ()
    paired: bool = False
    announced: bool = False
    open_to_network: bool = False
    api_host: str = "127.0.0.1"
    offline: bool = False


def describe_reach(reach: Reach) -> str:
    """A few sentences. `KEPT` is among them only if prompts go to nobody, or to paired machines alone."""
    beyond = list_servers(server for server in reach.servers if not is_loopback(host_of(server)))
    here = list_servers(server for server in reach.servers if is_loopback(host_of(server)))
    said: list[str] = []
    if beyond:
        said.append(f"Questions may go to servers beyond this machine: {beyond}.")
        if reach.offline:
            said.append("LOCAL_SWARM_OFFLINE refuses those outside the local network.")
    if here:
        said.append(f"Questions may go to servers of this machine, which are not ours: {here}.")
    if reach.open_to_network:
        said.append("Every machine of this network that has --insecure-lan too reads what is asked.")
    elif reach.paired:
        said.append(
            "Paired machines are asked too." if said else f"{KEPT} but what paired machines are asked and told."
        )
    if reach.announced:
        said.append("The local network hears its name, model and hardware.")
    if not said:
        said.append(f"{KEPT}.")
    if not is_loopback(reach.api_host):
        said.append("Other machines may call it with its key.")
    return " ".join(said)


def host_of(server: str) -> str:
    return urlsplit(server).hostname or server


def list_servers(servers: Iterable[str]) -> str:
    """Each with its port, without a password that may stand before it."""
    return ", ".join(dict.fromkeys(urlsplit(server).netloc.rpartition("@")[2] or server for server in servers))
