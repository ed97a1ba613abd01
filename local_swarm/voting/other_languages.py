"""Code that is neither run nor parsed as a program in, the words that it is compared by out: equal for equal ones. Pure.

SQL without regard to layout, case, comments and words that change nothing; data by what it holds; a pattern by its signs.
"""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

import yaml

from local_swarm.chat.almost_json import value_at
from local_swarm.settings.yaml_text import parse_yaml

NAMES = {
    **dict.fromkeys(("sql", "mysql", "postgresql", "postgres", "psql", "pgsql", "sqlite", "tsql", "plsql"), "sql"),
    **dict.fromkeys(("yaml", "yml"), "yaml"),
    **dict.fromkeys(("json", "jsonc", "json5"), "json"),
    **dict.fromkeys(("regex", "regexp", "re", "pcre"), "regex"),
    **dict.fromkeys(("dockerfile", "docker", "containerfile"), "dockerfile"),
    **dict.fromkeys(("powershell", "ps1", "pwsh", "ps"), "powershell"),
    **dict.fromkeys(("rs", "rust"), "rust"),
    **dict.fromkeys(("cs", "c#", "csharp"), "csharp"),
    **dict.fromkeys(("cc", "c++", "cpp", "hpp"), "cpp"),
    **dict.fromkeys(("golang", "go"), "go"),
    **dict.fromkeys(("rb", "ruby"), "ruby"),
    **dict.fromkeys(("kt", "kts", "kotlin"), "kotlin"),
    **dict.fromkeys(("make", "makefile", "mk"), "makefile"),
    **dict.fromkeys(("htm", "html"), "html"),
}
SQL = re.compile(
    r"--[^\n]*+|/\*(?:[^*]++|\*(?!/))*+(?:\*/)?+|(?P<string>'(?:[^']++|'')*+'?+|\"[^\"]*+\"?+|`[^`]*+`?+)|(?P<word>\w++(?:\.\d++)?+)|(?P<sign><>|[<>!=|:]{2}|\S)",
    re.DOTALL,
)
MEANS_NOTHING = frozenset({"asc", "as", "inner", "outer"})
SIGN = re.compile(r"\\(?:[pPxu]\{[^}\n]{0,40}\}|.)|\(\?[:=!<>P]{1,2}|\{\d{0,9},?\d{0,9}\}|.", re.DOTALL)
DELIMITED = re.compile(r"(?:r?(?P<quote>[\"'])(?P<quoted>.*)(?P=quote)|/(?P<inner>.*)/[gimsuy]*+)", re.DOTALL)
DATA_WORD = re.compile(r"\w++|[^\w\s]")
MOST_SQL = 40_000


def canonical_words(code: str, language: str) -> tuple[str, ...] | None:
    """None for languages of which nothing is known here, and for data that cannot be read."""
    if language == "sql":
        return sql_words(code[:MOST_SQL])
    if language == "regex":
        return pattern_words(code)
    data = data_in(code, language)
    if not isinstance(data, (dict, list)):
        return None
    return tuple(DATA_WORD.findall(json.dumps(data, sort_keys=True, ensure_ascii=False, default=str)))


def sql_words(code: str) -> tuple[str, ...]:
    found = [
        match["string"] or (match["word"] or match["sign"]).casefold()
        for match in SQL.finditer(code)
        if match.lastgroup is not None
    ]
    while found and found[-1] == ";":
        found.pop()
    return tuple({"<>": "!="}.get(one, one) for one in found if one not in MEANS_NOTHING)


def pattern_words(code: str) -> tuple[str, ...]:
    """Of a pattern as it stands in a program or by itself; `[0-9]` is a digit."""
    given = DELIMITED.fullmatch(code.strip())
    bare = (given["quoted"] or given["inner"] or "") if given else code.strip()
    bare = bare.replace("[0-9]", r"\d").replace("[A-Za-z0-9_]", r"\w").replace("[a-zA-Z0-9_]", r"\w")
    return tuple(SIGN.findall(bare))


def data_in(code: str, language: str) -> Any:
    try:
        if language == "yaml":
            return parse_yaml(code, "").plain()
        if language == "json":
            return value_at(code, len(code) - len(code.lstrip()), closes=False)[0]
        return tomllib.loads(code) if language == "toml" else None
    except (yaml.YAMLError, ValueError, RecursionError, IndexError):
        return None
