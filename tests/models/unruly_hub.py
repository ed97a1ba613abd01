"""A hub, the store its links lead to, a mirror and a proxy in one server, which does at every question what a script says next.

A behaviour is a method of `Answer`, and its name is the word in the script. An empty script answers as the hub does."""

from __future__ import annotations

import email.utils
import gzip
import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote, unquote

COMMIT = "a" * 40
LOGIN = (
    b"<!DOCTYPE html><html><head><title>Sign in to this network</title></head><body>" + b"x" * 800 + b"</body></html>"
)
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 5027783488\n"


@dataclass
class UnrulyHub:
    """`looks`, `lists` and `gets`: what is done at the next questions of each kind; "" and the end of the list: what is right."""

    files: dict[str, bytes]
    looks: list[str] = field(default_factory=list)
    lists: list[str] = field(default_factory=list)
    gets: list[str] = field(default_factory=list)
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    tokens: list[tuple[str, str | None]] = field(default_factory=list)
    sent: int = 0  # bytes of bodies
    url: str = ""
    guard: threading.Lock = field(default_factory=threading.Lock)

    @property
    def store(self) -> str:
        return self.url.replace("127.0.0.1", "localhost")

    @property
    def ranges(self) -> list[str | None]:
        return [span for method, path, span in self.asked if path.startswith("/store/")]

    def next(self, script: list[str]) -> str:
        with self.guard:
            return script.pop(0) if script else ""


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: UnrulyHub

    def log_message(self, *_: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def do_CONNECT(self) -> None:
        self.asked_proxy()

    def asked_proxy(self) -> None:
        self.reply(407, b"", {"Proxy-Authenticate": 'Basic realm="the proxy"'})

    def answer(self) -> None:
        with self.hub.guard:
            self.hub.asked.append((self.command, self.path, self.headers.get("Range")))
            self.hub.tokens.append((self.headers.get("Host", ""), self.headers.get("Authorization")))
        if self.path.startswith("http://"):
            return self.asked_proxy()
        if self.path.startswith("/login"):
            return self.reply(200, LOGIN, {"Content-Type": "text/html; charset=utf-8"})
        if self.path.startswith("/circle/"):
            return self.circle()
        if self.path.startswith("/api/models/"):
            return self.act(self.hub.next(self.hub.lists) or "listing")
        if self.path.startswith("/store/"):
            return self.act(self.hub.next(self.hub.gets) or "whole")
        return self.act((self.hub.next(self.hub.looks) if self.command == "HEAD" else "") or "link")

    def act(self, behaviour: str) -> None:
        word, _, argument = behaviour.partition(" ")
        if word.isdigit():
            headers = dict([argument.split(": ", 1)]) if argument else {}
            return self.reply(int(word), b"", headers)
        getattr(self, word)(*([argument] if argument else []))
        return None

    def reply(
        self, status: int, body: bytes = b"", headers: dict[str, str] | None = None, length: int | None = None
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if length != -1:
            self.send_header("Content-Length", str(len(body) if length is None else length))
        else:
            self.close_connection = True
        self.end_headers()
        if self.command != "HEAD":
            with self.hub.guard:
                self.hub.sent += len(body)
            self.wfile.write(body)
            self.wfile.flush()

    @property
    def key(self) -> str:
        path = re.sub(r"^(?:/other)+", "", self.path).split("?")[0]
        path = unquote(path)
        if path.startswith("/store/"):
            return path.removeprefix("/store/")
        owner, name, _, _, file = path.lstrip("/").split("/", 4)
        return f"{owner}/{name}/{file}"

    @property
    def data(self) -> bytes:
        return self.hub.files[self.key]

    @property
    def begin(self) -> int:
        span = self.headers.get("Range")
        return int(span.removeprefix("bytes=").split("-")[0]) if span else 0

    def facts(self, etag: str | None = None, size: bool = True) -> dict[str, str]:
        found = {"X-Repo-Commit": COMMIT, "X-Linked-Etag": etag or f'"{hashlib.sha256(self.data).hexdigest()}"'}
        return found | ({"X-Linked-Size": str(len(self.data))} if size else {})

    # -- at a look

    def link(self, etag: str | None = None) -> None:
        if self.key not in self.hub.files:
            return self.reply(404, b"", {"X-Error-Code": "EntryNotFound"})
        return self.reply(302, b"", {"Location": f"{self.hub.store}/store/{quote(self.key)}", **self.facts(etag)})

    def retry_date(self) -> None:
        self.reply(429, b"", {"Retry-After": email.utils.formatdate(time.time() + 30, usegmt=True)})

    def rate_limit(self) -> None:
        self.reply(
            429,
            b"",
            {"RateLimit": '"resolvers";r=0;t=42', "RateLimit-Policy": '"fixed window";"resolvers";q=5000;w=300'},
        )

    def hang_up(self) -> None:
        self.close_connection = True

    def garbage(self) -> None:
        self.wfile.write(b"\x15\x03\x01\x00\x02\x02\x50 what is this?\r\n\r\n")
        self.close_connection = True

    def login(self) -> None:
        self.reply(200, LOGIN, {"Content-Type": "text/html; charset=utf-8"})

    def to_login(self) -> None:
        self.reply(302, b"", {"Location": f"{self.hub.store}/login?from=here"})

    def elsewhere(self, status: str) -> None:
        self.reply(int(status), b"", {"Location": f"{self.hub.store}/other{self.path}"})

    def relative(self, status: str) -> None:
        self.reply(int(status), b"", {"Location": f"/other{self.path}?download=true"})

    def circles(self) -> None:
        self.reply(302, b"", {"Location": f"/circle/{self.path}"})

    def circle(self) -> None:
        self.reply(302, b"", {"Location": self.path})

    def nowhere(self) -> None:
        self.reply(302, b"", {"Location": "http://[::bad/"})

    def no_location(self) -> None:
        self.reply(302)

    def direct(self, etag: str | None = None) -> None:
        self.reply(
            200, self.data, {"X-Repo-Commit": COMMIT, "ETag": etag or f'"{hashlib.sha256(self.data).hexdigest()}"'}
        )

    def sizeless(self) -> None:
        self.reply(200, b"", {"ETag": '"abc"', "Content-Type": "application/octet-stream"}, length=-1)

    def etagless(self) -> None:
        self.reply(200, self.data, {})

    def no_head(self) -> None:
        if self.command == "HEAD":
            return self.reply(405)
        return self.link()

    # -- at a list

    def listing(self, told: str = "") -> None:
        repo = "/".join(self.path.removeprefix("/api/models/").split("?")[0].split("/")[:2])
        names = [key.removeprefix(f"{repo}/") for key in self.hub.files if key.startswith(f"{repo}/")]
        if not names:
            return self.reply(404, b"", {"X-Error-Code": "RepoNotFound"})
        siblings: list[dict[str, Any]] = [{"rfilename": name} for name in names]
        if "blobs=" in self.path and told != "bare":
            for one in siblings:
                data = self.hub.files[f"{repo}/{one['rfilename']}"]
                one |= {
                    "size": len(data),
                    "blobId": "c" * 40,
                    "lfs": {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)},
                }
        body = json.dumps({"id": repo, "sha": COMMIT, "siblings": siblings}).encode()
        return self.reply(200, body, {"Content-Type": "application/json"})

    def odd_json(self) -> None:
        self.reply(200, b'["no", {"listing": 1}]', {"Content-Type": "application/json"})

    # -- at bytes

    def span(self, begin: int, end: int | None = None, total: int | None = None) -> dict[str, str]:
        total = len(self.data) if total is None else total
        return {"Content-Range": f"bytes {begin}-{(end or len(self.data)) - 1}/{total}"}

    def whole(self, etag: str = '"of-the-store"') -> None:
        headers = {"ETag": etag, "Content-Type": "application/octet-stream"}
        if not self.begin:
            return self.reply(200, self.data, headers)
        return self.reply(206, self.data[self.begin :], headers | self.span(self.begin))

    def cut(self, count: str) -> None:
        rest = self.data[self.begin :]
        headers = self.span(self.begin) if self.begin else {}
        self.reply(206 if self.begin else 200, rest[: int(count)], headers, length=len(rest))
        self.close_connection = True

    def chunked(self) -> None:
        headers = self.span(self.begin) if self.begin else {}
        self.reply(206 if self.begin else 200, self.data[self.begin :], headers, length=-1)

    def login_chunked(self) -> None:
        self.reply(200, LOGIN, {"Content-Type": "application/octet-stream"}, length=-1)

    def login_in_range(self) -> None:
        self.reply(206, LOGIN, self.span(self.begin) | {"Content-Type": "text/html"}, length=-1)

    def xml(self) -> None:
        body = b'<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>'
        self.reply(200, body, {"Content-Type": "application/xml"})

    def json(self) -> None:
        self.reply(200, b'{"error": "quota"}', {"Content-Type": "application/json"})

    def words(self) -> None:
        self.reply(200, b"Access to this category of pages is blocked by your administrator.", {}, length=-1)

    def packed(self) -> None:
        body = gzip.compress(self.data[self.begin :])
        headers = {"Content-Encoding": "gzip"} | (self.span(self.begin) if self.begin else {})
        self.reply(206 if self.begin else 200, body, headers)

    def packed_unsaid(self) -> None:
        self.reply(200, gzip.compress(self.data), {"Content-Type": "application/gzip"}, length=-1)

    def no_ranges(self) -> None:
        self.reply(200, self.data)

    def from_zero(self) -> None:
        self.reply(206, self.data, self.span(0))

    def too_far(self) -> None:
        begin = min(self.begin + 1000, len(self.data) - 1)
        self.reply(206, self.data[begin:], self.span(begin))

    def unplaced(self) -> None:
        self.reply(206, self.data)

    def misplaced(self) -> None:
        """It says the right place, and sends the beginning."""
        self.reply(206, self.data[: len(self.data) - self.begin], self.span(self.begin))

    def other_total(self) -> None:
        self.reply(206, self.data[self.begin :], self.span(self.begin, total=len(self.data) + 7))

    def one_short(self) -> None:
        end = len(self.data) - 1
        self.reply(206, self.data[self.begin : end], self.span(self.begin, end))

    def length_short(self) -> None:
        self.reply(206, self.data[self.begin : -1], self.span(self.begin))

    def odd_range(self) -> None:
        self.reply(206, self.data[self.begin :], {"Content-Range": "bytes=9-x/y"})

    def many_ranges(self) -> None:
        body = b"--b\r\nContent-Range: bytes 0-9/10\r\n\r\n" + self.data[self.begin :] + b"\r\n--b--"
        self.reply(206, body, {"Content-Type": "multipart/byteranges; boundary=b"})

    def unsatisfied(self) -> None:
        self.reply(416, b"", {"Content-Range": f"bytes */{len(self.data)}"})

    def other_length(self) -> None:
        self.reply(200, self.data[:900], {})

    def too_long(self) -> None:
        self.reply(200, self.data + b"more", {}, length=-1)

    def pointer(self) -> None:
        self.reply(200, POINTER, {"Content-Type": "text/plain"}, length=-1)

    def zeros(self) -> None:
        self.reply(200, bytes(len(self.data)))

    def flipped(self) -> None:
        rest = bytearray(self.data[self.begin :])
        rest[len(rest) // 3] ^= 1
        self.reply(206 if self.begin else 200, bytes(rest), self.span(self.begin) if self.begin else {})

    def expired(self) -> None:
        body = b'<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>'
        self.reply(403, body, {"Content-Type": "application/xml"})


@contextmanager
def unruly(files: dict[str, bytes]) -> Iterator[UnrulyHub]:
    """`files` by `OWNER/NAME/FILE`."""
    hub = UnrulyHub(files)

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: Any) -> None:
            """Clients that hang up are what is tested here."""

    server = Server(("127.0.0.1", 0), type("Bound", (Answer,), {"hub": hub}))
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
