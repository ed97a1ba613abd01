"""Documents use plain English and the field's terms: no retired words, quoted messages are real, decisions are complete."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml

from tests.test_docs import DOCUMENTS, ROOT, name, text_of

PATHS = ROOT / "docs" / "decisions" / "0000-old-and-new-paths.md"  # a list, whose words are those of the code
PROSE = [document for document in DOCUMENTS if document != PATHS]
DECISIONS = sorted(ROOT.glob("docs/decisions/0*.md"))
# Each pattern, and what a document says instead.
RETIRED = {
    r"quantisation|licence|neighbour|judgement|recognise": "the American spelling, as in code and keys",
    r"\bwhoever\b|\bwhomever\b": "name the actor",
    r"\bknocks?\b|\bknocked\b": "try an address",
    r"\bluck\b": "a seed",
    r"\bwish(?:es|ed)?\b": "a request, an option",
    r"\bguess(?:es)? ahead\b": "draft, speculative decoding",
    r"\bthe shelf\b": "the host cache",
    r"\bbefalls?\b": "happens to",
    r"\bhangs? up on\b": "close the connection",
    r"\bdearer\b": "need more memory, cost more",
    r"\bfor real\b": "tested, with what",
    r"\b(?:what|who) is told\b": "is reported",
}
LONGEST_SENTENCE = 31  # words, inline code counted as one; twenty is the aim
CODE = re.compile(r"````.*?````|```.*?```|`[^`]*`|<!--.*?-->|\]\([^)]*\)", re.DOTALL)
GENERATED = re.compile(r"<!-- (\w+) start -->.*?<!-- \1 end -->", re.DOTALL)
SPELLED = (".md", ".py", ".yaml", ".toml", ".html", ".js", ".yml")


def prose_of(document: Path) -> str:
    """Its text without code, links, comments and the tables that the program writes."""
    return CODE.sub(" X ", GENERATED.sub("", text_of(document)))


def sentences(document: Path) -> list[str]:
    blocks = re.split(r"\n\s*\n|\n(?=\s*(?:[-|#>]|\d+\.) ?)", prose_of(document))
    lines = [" ".join(block.split()) for block in blocks if not block.lstrip().startswith(("|", "#", "!"))]
    return [sentence for line in lines for sentence in re.split(r"(?<=[.:?!])\s+", line)]


@pytest.mark.parametrize("document", PROSE, ids=name)
def test_no_document_uses_a_retired_word(document: Path) -> None:
    text = prose_of(document)
    found = [
        (hit[0], instead) for retired, instead in RETIRED.items() for hit in re.finditer(retired, text, re.IGNORECASE)
    ]
    assert found == []


@pytest.mark.parametrize("document", PROSE, ids=name)
def test_no_sentence_is_too_long_to_be_read_once(document: Path) -> None:
    assert [sentence for sentence in sentences(document) if len(sentence.split()) > LONGEST_SENTENCE] == []


def test_quantization_has_one_spelling_in_the_whole_tree() -> None:
    folders = ("local_swarm", "scripts", "config", "docs")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in SPELLED]
    assert [name(path) for path in files if "quanti" + "sation" in text_of(path).lower()] == []


def texts_of_the_program() -> list[str]:
    """Every string in the package; what an f-string fills in is a NUL."""
    found = []
    for path in (ROOT / "local_swarm").rglob("*.py"):
        for node in ast.walk(ast.parse(text_of(path))):
            if isinstance(node, ast.JoinedStr):
                found.append(
                    "".join(str(part.value) if isinstance(part, ast.Constant) else "\0" for part in node.values)
                )
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return found


def test_messages_that_the_guide_explains_are_those_of_the_program() -> None:
    table = text_of(ROOT / "docs" / "GUIDE.md").split("## When something is wrong")[1].split("\n## ")[0]
    quoted = [
        text for row in re.findall(r"^\| (.*?) \|", table, re.MULTILINE) for text in re.findall(r"`([^`]{9,})`", row)
    ]
    said = texts_of_the_program()
    assert len(quoted) >= 7
    for text in quoted:
        holes = re.escape(text).replace(re.escape("... GiB"), "\0").replace("8000", "\0")
        pattern = holes.replace(re.escape("..."), "(?:.|\0)*")
        assert any(re.search(pattern, one) for one in said), text


@pytest.mark.parametrize("decision", DECISIONS, ids=name)
def test_a_decision_has_a_number_a_date_a_context_and_is_in_the_index(decision: Path) -> None:
    text = text_of(decision)
    assert text.startswith(f"# {decision.name[:4]}. ")
    assert re.search(r"^Date: \d{4}-\d\d-\d\d · Status: (?:accepted|superseded by \[\d{4}\])", text, re.MULTILINE)
    assert "\n## Context\n" in text and "\n## Decision\n" in text
    assert f"({decision.name})" in text_of(ROOT / "docs" / "decisions" / "README.md")


def test_decisions_are_numbered_without_a_gap() -> None:
    assert [int(decision.name[:4]) for decision in DECISIONS] == list(range(len(DECISIONS)))


def test_the_changelog_has_the_form_of_keep_a_changelog() -> None:
    text = text_of(ROOT / "CHANGELOG.md")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE)[0] == "[Unreleased]"
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.*)$", text, re.MULTILINE)) <= kinds


def test_the_summary_of_performance_has_no_figure_of_its_own() -> None:
    summary, details = text_of(ROOT / "docs" / "performance.md").split("## How it was measured")
    figure = re.compile(r"\d[\d,.]*\d")
    assert set(figure.findall(summary)) <= set(figure.findall(details))


def test_hooks_before_a_commit_run_what_is_there() -> None:
    hooks = yaml.safe_load(text_of(ROOT / ".pre-commit-config.yaml"))["repos"][0]["hooks"]
    entries = [hook["entry"] for hook in hooks]
    assert any("ruff" in entry for entry in entries) and any("mypy" in entry for entry in entries)
    assert all((ROOT / script).exists() for entry in entries for script in re.findall(r"scripts/\S+", entry))
