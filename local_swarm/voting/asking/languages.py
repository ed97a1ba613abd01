"""Sentences in, the programming language and the file that they speak of out. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from local_swarm.voting.asking.sentences import Sentence, words_of

# As people write them in small letters, and as fences call them.
LANGUAGES = {
    "python": "python",
    "python2": "python",
    "python3": "python",
    "py": "python",
    "javascript": "javascript",
    "js": "javascript",
    "node": "javascript",
    "typescript": "typescript",
    "ts": "typescript",
    "java": "java",
    "kotlin": "kotlin",
    "swift": "swift",
    "rust": "rust",
    "golang": "go",
    "ruby": "ruby",
    "php": "php",
    "perl": "perl",
    "scala": "scala",
    "haskell": "haskell",
    "elixir": "elixir",
    "lua": "lua",
    "dart": "dart",
    "julia": "julia",
    "matlab": "matlab",
    "bash": "bash",
    "zsh": "bash",
    "powershell": "powershell",
    "sql": "sql",
    "mysql": "sql",
    "postgresql": "sql",
    "sqlite": "sql",
    "html": "html",
    "css": "css",
    "yaml": "yaml",
}
# Words of daily life too: languages only where a capital and their neighbours say so.
CAPITALS = re.compile(
    r"\b(?:in|to|into|using|with) (Go|C|R|Rust)\b|\b(Go|C|R) (?:function|program|code|struct|method)\b"
)
SIGNED = {"c++": "cpp", "c#": "csharp", "f#": "fsharp"}
SIGNS = re.compile(r"\b[CFcf](?:\+\+|#)(?!\w)")
TOWARDS = {"in", "to", "into", "using", "with", "as"}
ENDINGS = words_of(
    "py pyi js mjs cjs jsx ts tsx java kt kts swift rs go rb php pl scala hs ex exs lua dart jl c h cc cpp hpp cs sh bash zsh"
    " ps1 sql html htm css scss less vue svelte json jsonc yaml yml toml ini cfg conf env md rst txt csv xml lock gradle"
    " ipynb proto tf dockerfile"
)
FILES = {"Makefile", "Dockerfile", "Jenkinsfile", "Gemfile", "Rakefile", "CMakeLists.txt"}
PATH = re.compile(r"[\w@~.+$/\\-]{0,200}[\w)]\.([A-Za-z]\w{0,9})")
STRIPPED = "`'\"()[]{}<>*,;:!?"


def language_of(said: Iterable[Sentence], code_language: str = "") -> str:
    """The one that a wish turns to ("in Rust") before one that is merely named; else that of the prompt's code."""
    named = ""
    for sentence in said:
        before = ""
        for word in sentence.low:
            if word in LANGUAGES:
                if before in TOWARDS:
                    return LANGUAGES[word]
                named = named or LANGUAGES[word]
            before = word
        if found := SIGNS.search(sentence.text):
            named = named or SIGNED[found[0].lower()]
        if capital := CAPITALS.search(sentence.text):
            named = named or (capital[1] or capital[2]).lower()
    return named or code_language


def path_in(said: Iterable[Sentence]) -> str:
    return next((path for sentence in said for path in paths_of(sentence.text)), "")


def paths_of(text: str) -> Sequence[str]:
    """Words that look like files, in order; ends of sentences and brackets left out."""
    words = (word.lstrip(STRIPPED).rstrip(STRIPPED + ".") for word in text.split())
    return [word for word in words if is_path(word)]


def is_path(word: str) -> bool:
    found = PATH.fullmatch(word)
    return word in FILES or bool(found and found[1].lower() in ENDINGS and "://" not in word)
