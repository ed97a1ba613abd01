"""Which proxy leads to an address: curl's variables, read as curl reads them, and never a password shown."""

from __future__ import annotations

import pytest

from local_swarm.proxies import covers, proxy_for

PROXY = "http://127.0.0.1:9"
HUB = "https://huggingface.co/x"


@pytest.mark.parametrize(
    ("environment", "text"),
    [
        ({"HTTPS_PROXY": PROXY}, f"HTTPS_PROXY={PROXY}"),
        ({"https_proxy": PROXY, "HTTPS_PROXY": "http://other:1"}, f"https_proxy={PROXY}"),
        ({"ALL_PROXY": PROXY}, f"ALL_PROXY={PROXY}"),
        ({"all_proxy": "socks5://127.0.0.1:1"}, "all_proxy=socks5://127.0.0.1:1"),
        ({"HTTPS_PROXY": "127.0.0.1:9"}, f"HTTPS_PROXY={PROXY}"),
        ({"HTTPS_PROXY": "http://me:se@cret@127.0.0.1:9"}, f"HTTPS_PROXY={PROXY}"),
        ({"HTTPS_PROXY": "me:secret@127.0.0.1:9"}, f"HTTPS_PROXY={PROXY}"),
        ({"HTTPS_PROXY": f" {PROXY} "}, f"HTTPS_PROXY={PROXY}"),
        ({"HTTP_PROXY": PROXY}, None),
        ({"https_proxy": "", "HTTPS_PROXY": PROXY}, None),
        ({"HTTPS_PROXY": ""}, None),
        ({}, None),
    ],
)
def test_a_proxy_is_told_with_its_variable_and_without_its_password(
    environment: dict[str, str], text: str | None
) -> None:
    found = proxy_for(HUB, environment)
    assert (str(found) if found else None) == text


@pytest.mark.parametrize(
    "listed",
    [
        "localhost,::1,[::1],10.0.0.0/8",
        "localhost ::1 [::1] 10.0.0.0/8",
        "[::1]:443,[fe80::]/10,[,],[],://,:,/,a:b:c,http://,x:notaport,*.,.",
        "256.1.1.1,10.0.0.0/99,[::1",
        "huggingface.co:8443",
        "ggingface.co",
        "www.huggingface.co",
        "",
    ],
)
def test_a_list_that_does_not_name_the_host_is_borne_whatever_is_in_it(listed: str) -> None:
    found = proxy_for(HUB, {"HTTPS_PROXY": PROXY, "NO_PROXY": listed})
    assert found and found.variable == "HTTPS_PROXY"


@pytest.mark.parametrize(
    ("entry", "host", "port"),
    [
        ("*", "huggingface.co", 443),
        ("huggingface.co", "huggingface.co", 443),
        ("HuggingFace.co", "huggingface.co", 443),
        (".huggingface.co", "huggingface.co", 443),
        ("*.huggingface.co", "cdn.huggingface.co", 443),
        ("co", "huggingface.co", 443),
        ("huggingface.co.", "huggingface.co", 443),
        ("huggingface.co:443", "huggingface.co", 443),
        ("https://huggingface.co/", "huggingface.co", 443),
        ("10.0.0.0/8", "10.1.2.3", 80),
        ("10.1.2.3", "10.1.2.3", 80),
        ("10.1.2.3:8080", "10.1.2.3", 8080),
        ("::1", "::1", 80),
        ("[::1]", "::1", 80),
        ("[::1]:8080", "::1", 8080),
        ("fe80::/10", "fe80::1", 80),
        ("[fe80::]/10", "fe80::1", 80),
        ("localhost", "localhost", 80),
    ],
)
def test_every_form_of_an_entry_covers_its_host(entry: str, host: str, port: int) -> None:
    assert covers(entry, host, port)
    assert not covers(entry, "example.org", 444) or entry == "*"


def test_a_host_that_is_listed_is_asked_directly_in_either_case_of_the_variable() -> None:
    for name in ("no_proxy", "NO_PROXY"):
        assert proxy_for("http://[::1]:80/", {"ALL_PROXY": PROXY, name: "10.0.0.0/8,[::1]"}) is None
