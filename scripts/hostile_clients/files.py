"""The starter model in, model files out whose chat templates do harm when a conversation is written by them."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

from local_swarm.models import starter

KEY = b"tokenizer.chat_template"
TEXT = 8  # GGUF's number for a value that is text

LOOP = "{% for i in range(99999) %}"
TEMPLATES: Mapping[str, str] = {
    "three nested loops": LOOP * 3 + "{{ i }}" + "{% endfor %}" * 3,
    "loops without a word": LOOP * 3 + "{% endfor %}" * 3,
    "a text of 10^9": "{{ 'a' * 10**9 }}",
    "a text of 10^7, again and again": LOOP + "{{ 'a' * 10**7 }}{% endfor %}",
    "a list of 10^10": "{{ [0] * 10**10 }}",
    "a power of powers": "{{ 10**10**9 }}",
    "lorem ipsum": "{{ lipsum(n=10**6) }}",
    "indentation": "{{ ('a\n' * 10**5) | indent(10**4) }}",
    "a macro that calls itself": "{% macro f(x) %}{{ f(x + 'a') }}{% endmacro %}{{ f('') }}",
    "a width of 10^9": "{{ '%1000000000d' % 1 }}",
    "a format of 10^9": "{{ '{:1000000000}'.format(1) }}",
    "a centre of 10^9": "{{ 'a' | center(10**9) }}",
    "a word wrapped": "{{ ('a ' * 10**6) | wordwrap(1) }}",
    "a replacement that grows": "{% set ns = namespace(a='aa') %}{% for i in range(99) %}{% set ns.a = ns.a | replace('a', 'aa') %}{% endfor %}{{ ns.a }}",
    "a regular expression": "{{ ('<' * 10**5) | striptags }}{{ ('a@' * 10**5) | urlize }}",
    "a sort of all": "{{ (range(99999) | list * 99) | sort | join }}",
    "an error": "{{ raise_exception('x' * 10**6) }}",
    "an attribute that is not": "{{ messages[0].content.nothing.at.all }}",
    "no template at all": "{% for %}",
    "brackets": "{{ " + "(" * 700 + "1" + ")" * 700 + " }}",
    "escapes": "{{ '\\x1b]0;title\\x07\\x1b[2J' }}{{ messages[0].content }}",
    "a surrogate": "{{ '\\ud800' }}{{ messages[0].content }}",
}


def model_file(path: Path, template: str) -> Path:
    """The starter model with this template in place of its own, of the same length, at `path`."""
    whole = starter.PATH.read_bytes()
    at = whole.index(KEY) + len(KEY)
    kind, length = struct.unpack_from("<IQ", whole, at)
    assert kind == TEXT
    said = template.encode()
    padding = length - len(said) - len("{##}")
    assert padding >= 0, "The template is longer than the one that it replaces."
    at += struct.calcsize("<IQ")
    path.write_bytes(whole[:at] + said + b"{#" + b" " * padding + b"#}" + whole[at + length :])
    return path
