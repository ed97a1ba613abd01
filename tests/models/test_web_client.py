"""Questions to the hub by proxies and along redirects: what stands in the way is named, with the variable that named it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from local_swarm.errors import DownloadFailed
from local_swarm.models.hub import Hub
from local_swarm.models.patience import Passing, Patience
from local_swarm.models.web_client import at_home, next_address, trouble_of
from local_swarm.proxies import Proxy
from tests.models.unruly_hub import UnrulyHub, unruly

REPO, NAME = "maker/model-GGUF", "model.gguf"
DEAD = "http://127.0.0.1:9"


@pytest.fixture
def server() -> Iterator[UnrulyHub]:
    with unruly({f"{REPO}/{NAME}": b"GGUF"}) as made:
        yield made


def refusal(**environment: str) -> str:
    with pytest.raises(DownloadFailed) as raised:
        Hub(environment=environment).look(REPO, NAME, patience=Patience(lambda _: False))
    return raised.value.message


def test_a_dead_proxy_is_named_with_its_variable_and_the_model_that_needs_no_hub() -> None:
    said = refusal(HTTPS_PROXY="http://me:secret@127.0.0.1:9", NO_PROXY="localhost,::1,[::1],10.0.0.0/8")
    assert said.startswith(f"huggingface.co cannot be reached through HTTPS_PROXY={DEAD}. Check HTTPS_PROXY.")
    assert "--model FILE.gguf" in said and "secret" not in said


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"ALL_PROXY": "socks5://127.0.0.1:9"}, "is a SOCKS proxy, for which the package socksio is missing"),
        ({"ALL_PROXY": "socks4://127.0.0.1:9"}, "names no proxy that can be used"),
        ({"https_proxy": "http://[bad"}, "https_proxy=http://[bad names no proxy"),
        ({"https_proxy": "http://127.0.0.1:port"}, "names no proxy that can be used"),
        ({"HF_ENDPOINT": "huggingface.co"}, "HF_ENDPOINT=huggingface.co is no web address"),
        ({"HF_ENDPOINT": "ftp://x"}, "HF_ENDPOINT=ftp://x is no web address"),
        ({"HF_TOKEN": "hf ü"}, "HF_TOKEN holds characters that no token has"),
    ],
)
def test_a_setting_that_cannot_be_used_is_told_at_once(environment: dict[str, str], said: str) -> None:
    assert said in refusal(**environment)


def test_a_proxy_that_wants_a_password_says_so_for_both_kinds_of_address(server: UnrulyHub) -> None:
    for endpoint in ("http://hub.example", "https://hub.example"):
        said = refusal(HF_ENDPOINT=endpoint, ALL_PROXY=server.url)
        assert f"The proxy ALL_PROXY={server.url} wants a name and a password (HTTP 407)" in said


@pytest.mark.parametrize("listed", ["127.0.0.0/8", "[::1],127.0.0.1", "*", "localhost 127.0.0.1"])
def test_no_proxy_is_heeded_in_its_forms(server: UnrulyHub, listed: str) -> None:
    environment = {"HF_ENDPOINT": server.url, "ALL_PROXY": "socks4://nowhere", "NO_PROXY": listed}
    assert Hub(environment=environment).look(REPO, NAME).bytes == 4


def test_a_token_with_a_line_end_is_read_as_it_was_meant(server: UnrulyHub) -> None:
    Hub(environment={"HF_ENDPOINT": server.url, "HF_TOKEN": "hf_secret\n"}).look(REPO, NAME)
    assert server.tokens[0][1] == "Bearer hf_secret"


def test_a_password_in_the_address_of_a_mirror_is_not_shown(server: UnrulyHub) -> None:
    server.looks[:] = ["403"]
    assert "secret" not in refusal(HF_ENDPOINT=server.url.replace("//", "//me:secret@"))


@pytest.mark.parametrize(
    ("url", "home", "same"),
    [
        ("https://hub.example/a", "https://hub.example", True),
        ("https://hub.example/a", "http://hub.example", True),
        ("http://hub.example/a", "https://hub.example", False),
        ("https://hub.example:8443/a", "https://hub.example", False),
        ("https://evil.example/hub.example", "https://hub.example", False),
        ("https://hub.example@evil.example/", "https://hub.example", False),
        ("https://cdn.hub.example/", "https://hub.example", False),
    ],
)
def test_the_token_stays_at_home(url: str, home: str, same: bool) -> None:
    assert at_home(url, home) is same


def redirect(to: str) -> httpx2.Response:
    return httpx2.Response(302, headers={"Location": to})


def test_a_redirect_is_followed_unless_it_is_less_safe_or_none() -> None:
    assert next_address(redirect("/b?c=d"), "https://hub.example/a") == "https://hub.example/b?c=d"
    assert next_address(redirect("//cdn.example/b"), "https://hub.example/a") == "https://cdn.example/b"
    with pytest.raises(DownloadFailed, match="without encryption"):
        next_address(redirect("http://cdn.example/b"), "https://hub.example/a")
    for none in ("ftp://x/y", "http://[::bad/", "javascript:alert(1)", "http://x:99999/"):
        with pytest.raises(Passing, match="no web address"):
            next_address(redirect(none), "http://hub.example/a")


@pytest.mark.parametrize(
    ("problem", "final", "said"),
    [
        (httpx2.ProxyError("403 Forbidden"), True, "does not let through to hub"),
        (httpx2.ProxyError("407 Proxy Authentication Required"), True, "HTTP 407"),
        (httpx2.ProxyError("503 Service Unavailable"), False, "broke off"),
        (
            httpx2.ConnectError(
                "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate (_ssl.c:1)"
            ),
            True,
            "self-signed certificate",
        ),
        (httpx2.ConnectError("[SSL: UNEXPECTED_EOF_WHILE_READING] EOF occurred"), False, "cannot be reached"),
        (httpx2.ConnectError("[Errno -3] Temporary failure in name resolution"), False, "cannot be reached"),
        (httpx2.ReadTimeout("timed out"), False, "does not answer"),
        (httpx2.ReadError("[Errno 104] Connection reset by peer"), False, "broke off"),
    ],
)
def test_a_failed_connection_is_final_only_where_a_person_must_act(problem: Exception, final: bool, said: str) -> None:
    found = trouble_of(problem, "hub", Proxy("HTTPS_PROXY", DEAD))
    assert isinstance(found, DownloadFailed if final else Passing) and said in str(found)
    assert "HTTPS_PROXY" in str(found)


def test_certificates_that_cannot_be_read_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    assert f"SSL_CERT_FILE={tmp_path}/none.pem cannot be read" in refusal()
