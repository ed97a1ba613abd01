"""A server that speaks as much of the hub's protocol as downloads need, and misbehaves when told to."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "a" * 40


@dataclass
class Trouble:
    """`cuts`: how many bytes of the body the next connections bring before they break off. `status`: answered to everything."""

    cuts: list[int] = field(default_factory=list)
    status: int | None = None
    error: str | None = None
    no_ranges: bool = False
    wrong: bool = False
    sizes: dict[str, int] = field(default_factory=dict)
    hold: threading.Event | None = None


@dataclass
class HubServer:
    files: dict[str, bytes]
    trouble: Trouble = field(default_factory=Trouble)
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)
    url: str = ""
    arrived: threading.Event = field(default_factory=threading.Event)  # somebody asked for bytes

    @property
    def store(self) -> str:
        """Where the bytes are: on another host than the hub, as they are in truth."""
        return self.url.replace("127.0.0.1", "localhost")

    @property
    def ranges(self) -> list[str | None]:
        return [span for method, path, span in self.asked if method == "GET" and path.startswith("/cdn/")]


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[HubServer]:
    """`files` by `OWNER/NAME/FILE`."""
    hub = HubServer(files)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def do_HEAD(self) -> None:
            self.answer()

        def do_GET(self) -> None:
            self.answer()

        def answer(self) -> None:
            hub.asked.append((self.command, self.path, self.headers.get("Range")))
            hub.tokens.append(self.headers.get("Authorization"))
            if hub.trouble.status:
                return self.refuse(hub.trouble.status, hub.trouble.error)
            if self.path.startswith("/api/models/"):
                return self.listing("/".join(self.path.partition("?")[0].split("/")[3:5]))
            if self.path.startswith("/cdn/"):
                return self.body(self.path.removeprefix("/cdn/"))
            owner, name, _, _, file = self.path.lstrip("/").split("/", 4)
            key = f"{owner}/{name}/{file}"
            if key not in hub.files:
                known = any(one.startswith(f"{owner}/{name}/") for one in hub.files)
                return self.refuse(404, "EntryNotFound" if known else "RepoNotFound")
            data = hub.files[key]
            self.send_response(302)
            self.send_header("Location", f"{hub.store}/cdn/{key}")
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("X-Linked-Etag", f'"{hashlib.sha256(data).hexdigest()}"')
            self.send_header("X-Linked-Size", str(hub.trouble.sizes.get(key, len(data))))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None

        def listing(self, repo: str) -> None:
            names = [key.removeprefix(f"{repo}/") for key in hub.files if key.startswith(f"{repo}/")]
            if not names:
                return self.refuse(404, "RepoNotFound")
            told = {"id": repo, "sha": COMMIT, "siblings": [self.described(repo, name) for name in names]}
            body = json.dumps(told).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return None

        def described(self, repo: str, name: str) -> dict[str, Any]:
            data = hub.files[f"{repo}/{name}"]
            size = hub.trouble.sizes.get(f"{repo}/{name}", len(data))
            return {"rfilename": name, "lfs": {"size": size, "sha256": hashlib.sha256(data).hexdigest()}}

        def body(self, key: str) -> None:
            hub.arrived.set()
            data = hub.files[key]
            if hub.trouble.wrong:
                data = data[: len(data) // 2] + bytes(len(data) - len(data) // 2)
            span = self.headers.get("Range")
            begin = int(span.removeprefix("bytes=").rstrip("-")) if span and not hub.trouble.no_ranges else 0
            rest = data[begin:]
            self.send_response(206 if begin else 200)
            if begin:
                self.send_header("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
            self.send_header("Content-Length", str(len(rest)))
            self.end_headers()
            if hub.trouble.hold:
                hub.trouble.hold.wait(5)
            if hub.trouble.cuts:
                self.wfile.write(rest[: hub.trouble.cuts.pop(0)])
                self.wfile.flush()
                self.close_connection = True
                return
            self.wfile.write(rest)

        def refuse(self, status: int, error: str | None) -> None:
            self.send_response(status)
            if error:
                self.send_header("X-Error-Code", error)
            self.send_header("Content-Length", "0")
            self.end_headers()

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: Any) -> None:
            """Clients that hang up are what is tested here."""

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
