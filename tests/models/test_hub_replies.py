"""What a reply is, by its status, headers and first bytes: waits, places of parts, and beginnings."""

from __future__ import annotations

import email.utils

import pytest

from local_swarm.models.hub_replies import is_other_type, place_of_body, something_else, wished_wait

NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "120"}, 120.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": email.utils.formatdate(NOW + 90, usegmt=True)}, 90.0),
        ({"retry-after": email.utils.formatdate(NOW - 90, usegmt=True)}, 0.0),
        ({"ratelimit": '"api";r=0;t=55', "ratelimit-policy": '"fixed window";"api";q=500;w=300'}, 55.0),
        ({"ratelimit": '"api";r=3;t=55'}, None),
        ({"ratelimit-reset": "30"}, 30.0),
        ({"x-ratelimit-reset": str(int(NOW) + 20)}, 20.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "9" * 400}, None),
        ({"retry-after": "٣"}, None),
        ({}, None),
    ],
)
def test_a_wait_is_understood_in_each_of_the_ways_in_which_servers_ask_for_it(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert wished_wait(headers, NOW) == seconds


@pytest.mark.parametrize(
    ("status", "headers", "begin", "place"),
    [
        (200, {}, 0, 0),
        (200, {"content-length": "1000"}, 600, 0),
        (206, {"content-range": "bytes 600-999/1000", "content-length": "400"}, 600, 600),
        (206, {"content-range": "bytes 600-999/*"}, 600, 600),
        (206, {"content-range": "bytes 0-999/1000"}, 600, 0),
        (206, {"content-range": "bytes 600-998/1000", "content-length": "399"}, 600, 600),
        (200, {"content-encoding": "identity"}, 0, 0),
    ],
)
def test_a_body_is_placed_where_its_headers_say(status: int, headers: dict[str, str], begin: int, place: int) -> None:
    assert place_of_body(status, headers, begin, 1000) == place


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (200, {"content-length": "900"}),
        (200, {"content-encoding": "gzip"}),
        (206, {}),
        (206, {"content-range": "bytes 601-999/1000"}),
        (206, {"content-range": "bytes 600-999/1007"}),
        (206, {"content-range": "bytes 600-1000/1000"}),
        (206, {"content-range": "bytes 600-500/1000"}),
        (206, {"content-range": "bytes 600-999/1000", "content-length": "1000"}),
        (206, {"content-range": "bytes */1000"}),
        (206, {"content-range": "bytes ٦-٩/1000"}),
    ],
)
def test_a_body_that_fits_nowhere_is_refused(status: int, headers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        place_of_body(status, headers, 600, 1000)


@pytest.mark.parametrize(
    ("name", "head", "what"),
    [
        ("a.gguf", b"GGUF\3\0\0\0", None),
        ("a.gguf", b"GG", None),
        ("a.gguf", b"<!DOCTYPE html><title>Sign in</title>", "a web page that says 'Sign in'"),
        ("a.gguf", b"\n\n <HTML>", "a web page"),
        ("a.gguf", b'{"error": "quota"}', "a JSON text that says 'quota'"),
        (
            "a.gguf",
            b"version https://git-lfs.github.com/spec/v1\n",
            "a Git LFS pointer, which stands for the real file",
        ),
        ("a.gguf", b"\x1f\x8b\x08", "a gzip archive"),
        ("a.gguf", bytes(64), "nothing but zeros"),
        ("a.gguf", b"\x9f\x01\xfe\x00", None),
        ("a.safetensors", b'\x10\0\0\0\0\0\0\0{"a":', None),
        ("a.safetensors", b"Access denied", "a text that begins with 'Access denied'"),
        ("config.json", b'{"a": 1}', None),
        ("config.json", b"<html><head>", "a web page"),
        ("vocab.txt", b"the\nof\n", None),
        (
            "vocab.txt",
            b"version https://git-lfs.github.com/spec/v1\n",
            "a Git LFS pointer, which stands for the real file",
        ),
        ("model-card.html", b"<html><head>", None),
    ],
)
def test_a_beginning_tells_what_is_no_file_of_that_name(name: str, head: bytes, what: str | None) -> None:
    assert something_else(name, head) == what


@pytest.mark.parametrize(
    ("name", "kind", "other"),
    [
        ("a.gguf", "text/html; charset=utf-8", True),
        ("a.gguf", "application/json", True),
        ("a.gguf", "Application/XML", True),
        ("a.gguf", "application/octet-stream", False),
        ("a.gguf", "text/plain", False),
        ("a.gguf", "", False),
        ("config.json", "application/json", False),
        ("config.json", "text/html", True),
    ],
)
def test_a_type_that_no_server_gives_such_a_file_is_known(name: str, kind: str, other: bool) -> None:
    assert is_other_type(name, kind) is other
