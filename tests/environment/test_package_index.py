"""What stands between a machine and its package index, asked of real servers that do not do their part."""

from __future__ import annotations

import ssl
import threading
import urllib.error
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from local_swarm.environment.package_index import Obstacle, Route, describe, explain_index, obstacle_of, read_settings
from local_swarm.proxies import Proxy

PAGE = b"<html><body><a href='pip-25.0-py3-none-any.whl'>pip-25.0-py3-none-any.whl</a></body></html>"
LOGIN = b"<html><title>Welcome to Hotel</title><form action='/login'>Log in</form></html>"


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """A server that answers everything alike, be it asked as one or as a proxy. Gives its host and port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_CONNECT(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    with running(HTTPServer(("127.0.0.1", 0), Handler)) as address:
        yield address


@contextmanager
def running(server: HTTPServer) -> Iterator[str]:
    """Its host and port, while it answers."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def server() -> Iterator[Callable[[int, bytes], str]]:
    with ExitStack() as opened:
        yield lambda status, body: opened.enter_context(answering(status, body))


def index(address: str) -> str:
    return f":env:.index-url='http://me:secret@{address}/simple'"


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (200, PAGE, ""),
        (404, b"", ""),
        (200, LOGIN, "no package index, perhaps a login page. Open any page in a browser and log in"),
        (401, b"", "answers 401 Unauthorized. Write name and password into PIP_INDEX_URL"),
        (403, b"", "answers 403 Forbidden. Correct PIP_INDEX_URL or unset it."),
        (503, b"", "answers 503 Service Unavailable. Wait a while."),
    ],
)
def test_what_an_index_answers_is_told(
    server: Callable[[int, bytes], str], status: int, body: bytes, words: str
) -> None:
    address = server(status, body)
    said = explain_index(index(address), {})
    assert words in said and bool(words) == bool(said) and "secret" not in said
    assert not said or f"{address} that PIP_INDEX_URL names" in said


def test_the_password_of_an_index_goes_nowhere_else() -> None:
    told: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told.append(self.headers["Authorization"])
            self.send_response(302 if len(told) == 1 else 200)
            self.send_header("Location", f"http://localhost:{self.headers['Host'].rpartition(':')[2]}/elsewhere/")
            self.send_header("Content-Length", str(len(PAGE) * (len(told) > 1)))
            self.end_headers()
            self.wfile.write(PAGE * (len(told) > 1))

        def log_message(self, *_: object) -> None:
            pass

    with running(HTTPServer(("127.0.0.1", 0), Handler)) as address:
        assert explain_index(index(address), {}) == ""
    assert told[0] and told[1:] == [None]


def test_a_proxy_of_pips_own_settings_needs_no_scheme(server: Callable[[int, bytes], str]) -> None:
    assert "403 Forbidden. Correct PIP_PROXY" in explain_index(f":env:.proxy='{server(403, b'')}'", {})


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_a_dead_proxy_is_named_with_its_variable_and_never_with_its_password(variable: str) -> None:
    with answering(200, PAGE) as address:
        pass
    said = explain_index("", {variable: f"http://me:secret@{address}"})
    assert said.startswith(
        f"The proxy {address} that {variable} names refuses the connection. Correct {variable} or unset it."
    )
    assert "secret" not in said


def test_a_proxy_that_wants_a_password_is_told_apart_from_one_that_forbids(server: Callable[[int, bytes], str]) -> None:
    said = explain_index("", {"HTTPS_PROXY": f"http://{server(407, b'')}"})
    assert "407 Proxy Authentication Required. Write name and password into HTTPS_PROXY" in said
    assert "403 Forbidden. Correct PIP_PROXY" in explain_index(f":env:.proxy='http://{server(403, b'')}'", {})
    assert "http:// and https:// alone" in explain_index("", {"ALL_PROXY": "socks5://127.0.0.1:1080"})


def test_an_index_that_is_no_address_and_one_that_is_forbidden_are_told_apart_from_a_folder() -> None:
    assert "no address" in explain_index("global.index-url='zzz'", {}) and "no address" in explain_index(
        ":env:.index-url='https://[bad/simple'", {}
    )
    assert explain_index(":env:.index-url='file:///opt/simple'", {}) == ""
    assert "PIP_NO_INDEX says no-index" in explain_index(":env:.no-index='1'", {})


def test_certificates_that_are_named_and_not_there_are_told() -> None:
    said = explain_index("", {"REQUESTS_CA_BUNDLE": "/no/such.pem"})
    assert said.startswith("The file /no/such.pem that REQUESTS_CA_BUNDLE names cannot be used")


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("self-signed certificate in certificate chain", "PIP_CERT and SSL_CERT_FILE"),
        ("certificate is not yet valid", "clock says"),
        ("certificate has expired", "clock says"),
    ],
)
def test_a_certificate_that_is_not_trusted_has_its_remedy_by_the_reason(reason: str, words: str) -> None:
    found = obstacle_of(urllib.error.URLError(ssl.SSLCertVerificationError(1, reason)))
    assert found and found.kind == "untrusted" and words in describe(Route("https://pypi.org/simple"), found)


def test_without_any_setting_the_connection_is_what_is_wrong() -> None:
    said = describe(Route("https://pypi.org/simple"), Obstacle("unknown"))
    assert said.startswith(
        "The package index pypi.org is not found by its name. Connect to the internet; behind a proxy"
    )
    by_proxy = Route("https://pypi.org/simple", proxy=Proxy("HTTPS_PROXY", "http://a:b@c:1"))
    assert "by the proxy of HTTPS_PROXY" in describe(by_proxy, Obstacle("foreign"))


def test_pips_settings_are_read_in_the_order_in_which_they_count() -> None:
    printed = (
        ":env:.index-url='https://a'\ninstall.index-url='https://b'\nglobal.index-url='https://c'\nrubbish\nx.proxy='p'"
    )
    assert {key: (one.value, one.source) for key, one in read_settings(printed).items()} == {
        "index-url": ("https://a", "PIP_INDEX_URL")
    }
    assert read_settings("global.proxy=http://x:1")["proxy"].value == "http://x:1"
