"""A node's announcement in, text records for the LAN out, and back. Pure. An announcement is a hint, never a proof."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from local_swarm.network.discovery.lan import is_lan_address
from local_swarm.network.protocol import VERSION, plain

ID_CHARACTERS = 32  # of a fingerprint, enough to tell nodes apart
MOST_ADDRESSES = 6
BEACON_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Announcement:
    """What a node tells everybody on the LAN.

    `swarm` is the tag of the swarm's key. `run` changes with every start. `invitation`: the number of an open one."""

    id: str
    name: str
    port: int
    addresses: tuple[str, ...]
    swarm: str
    run: str = ""
    version: int = VERSION
    workers: int = 0
    model: str = ""
    hardware: str = ""
    invitation: str = ""

    def records(self) -> dict[str, str]:
        """The TXT records of DNS-SD (RFC 6763). They are small, so that all records fit one packet."""
        found = {
            "version": str(self.version),
            "id": self.id,
            "swarm": self.swarm,
            "run": self.run,
            "name": self.name,
            "instances": str(self.workers),
            "model": self.model,
            "hardware": self.hardware,
            "invite": self.invitation,
        }
        return {key: value for key, value in found.items() if value}

    def beacon(self) -> bytes:
        """The same as JSON for a broadcast packet, with the port."""
        return json.dumps({**self.records(), "port": self.port}, ensure_ascii=False).encode()


def from_records(
    records: Mapping[bytes, bytes | None], port: int | None, addresses: tuple[str, ...]
) -> Announcement | None:
    """None for what no node of this program would announce."""
    try:
        texts = {key.decode(): plain((value or b"").decode()) for key, value in list(records.items())[:16]}
        number = int(port or texts.get("port", "0"))
        version, workers = int(texts.get("version", "0")), int(texts.get("instances", "0"))
    except (ValueError, UnicodeError):
        return None
    identity = texts.get("id", "")
    addresses = tuple(filter(is_lan_address, addresses))[:MOST_ADDRESSES]
    if not (0 < number < 65536 and len(identity) == ID_CHARACTERS and identity.isalnum() and addresses):
        return None
    return Announcement(
        id=identity,
        name=texts.get("name") or identity[:6],
        port=number,
        addresses=addresses,
        swarm=texts.get("swarm", ""),
        run=texts.get("run", ""),
        version=version,
        workers=max(0, workers),
        model=texts.get("model", ""),
        hardware=texts.get("hardware", ""),
        invitation=texts.get("invite", ""),
    )


def from_beacon(data: bytes, sender: str) -> Announcement | None:
    """The address is the packet's sender. A packet cannot name another one."""
    try:
        found = json.loads(data[:BEACON_BYTES])
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    texts = {key: str(value) for key, value in found.items() if isinstance(value, (str, int))}
    records = {key.encode("utf-8", "replace"): value.encode("utf-8", "replace") for key, value in texts.items()}
    return from_records(dict(records), None, (sender,))
