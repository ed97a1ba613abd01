"""The catalogue that is shipped is sound, and mistakes in an edited one are sentences."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest
import yaml

from local_swarm.errors import UnknownModel, UsageError
from local_swarm.models.gguf import Header
from local_swarm.models.memory_shape import MemoryShape
from local_swarm.models.registry import load

ROOT = Path(__file__).parent.parent.parent
CATALOGUE = load(ROOT / "config", ROOT / "none")
RAW = yaml.safe_load((ROOT / "config" / "models.yaml").read_text(encoding="utf-8"))

GOOD: dict[str, Any] = {
    "id": "mine-7b",
    "family": "mine",
    "size": "7b",
    "shape": {"context": 4096, "attention": 2, "kv_heads": 2, "head": 8, "state_bytes": 0, "status": "exact"},
    "files": [{"quant": "q4_k_m", "repo": "me/mine", "file": "mine.gguf", "bytes": 100, "status": "exact"}],
}


def edited(folder: Path, **changes: Any) -> Path:
    entry = {key: value for key, value in {**GOOD, **changes}.items() if value != "gone"}
    (folder / "catalogue.yaml").write_text(yaml.safe_dump({"models": [entry]}), encoding="utf-8")
    return folder


def test_every_fact_says_how_sure_it_is_and_every_file_can_be_asked_for() -> None:
    assert len(CATALOGUE.entries) >= 50
    for entry in CATALOGUE:
        for variant in entry.variants:
            assert variant.repo.count("/") == 1 and variant.file.endswith(".gguf")
            assert variant.status != "exact" or variant.bytes
            assert variant.parts == 1 or "-00001-of-" in variant.file
            assert 1 <= variant.bits <= 16 or "kquant" in variant.quantization, variant
        for key in ("tools", "reasoning", "fim", "sampling"):
            assert key not in entry.facts or entry.facts[key]["status"], (entry.id, key)
        for twin in entry.facts.get("mlx", []):
            assert twin["repo"].count("/") == 1 and twin["status"]
    names = [entry.name for entry in CATALOGUE]
    assert len(set(names)) == len(names)


def test_the_documents_count_right() -> None:
    files = sum(len(entry.variants) for entry in CATALOGUE)
    text = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    assert f"{len(CATALOGUE.entries)} models and {files} files" in text
    assert f"catalogue of {len(CATALOGUE.entries)} models" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_every_preferred_model_can_be_chosen() -> None:
    for name in CATALOGUE.preferred:
        entry = CATALOGUE.get(name)
        assert entry and entry.shape and any(variant.bytes for variant in entry.variants)


@pytest.mark.parametrize(
    ("wish", "file"),
    [
        ("qwen2.5-coder:3b:q4", "qwen2.5-coder-3b-instruct-q4_k_m.gguf"),
        ("qwen2.5-coder:3b", "qwen2.5-coder-3b-instruct-q4_k_m.gguf"),
        ("Qwen2.5-Coder:3B:Q8", "qwen2.5-coder-3b-instruct-q8_0.gguf"),
        ("qwen2.5-coder-3b:q5_k_m", "qwen2.5-coder-3b-instruct-q5_k_m.gguf"),
        ("qwen2.5-coder-3b", "qwen2.5-coder-3b-instruct-q4_k_m.gguf"),
        ("qwen3.8:27b:q4_k_m", "Qwen3.8-27B-Q4_K_M.gguf"),
        ("qwen3.8:27b:ud-q6_k", "Qwen3.8-27B-UD-Q6_K.gguf"),
        ("gpt-oss:20b", "gpt-oss-20b-mxfp4.gguf"),
        ("codellama:7b:q6", "codellama-7b-instruct.Q6_K.gguf"),
        ("deepseek-coder:6.7b:q4", "deepseek-coder-6.7b-instruct.Q4_K_M.gguf"),
    ],
)
def test_names_mean_files(wish: str, file: str) -> None:
    assert CATALOGUE.find(wish)[1].file == file


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ("qwen2.5-coder:4b", "no size 4b. There are: qwen2.5-coder:0.5b, qwen2.5-coder:1.5b"),
        ("qwen2.5-coder:3b:q9", "not there as q9. There are: q4_k_m, q5_k_m"),
        ("qwen25-coder", "Did you mean qwen2.5-coder"),
        ("zzz", "All names: python main.py models"),
    ],
)
def test_a_name_that_is_none_gets_the_nearest(wish: str, words: str) -> None:
    with pytest.raises(UnknownModel, match=words.replace("(", r"\(")):
        CATALOGUE.find(wish)


def test_what_the_user_added_comes_first_and_replaces_its_namesake(tmp_path: Path) -> None:
    mine = load(ROOT / "config", edited(tmp_path))
    assert mine.entries[0].id == "mine-7b" and len(mine.entries) == len(CATALOGUE.entries) + 1
    assert mine.entries[0].shape == MemoryShape(4096, 2 * 2 * (8 + 8), 0, 32)
    replaced = load(ROOT / "config", edited(tmp_path, id="qwen3.5-9b", family="qwen3.5", size="9b"))
    assert len(replaced.entries) == len(CATALOGUE.entries) and replaced.find("qwen3.5:9b")[1].file == "mine.gguf"


FILE = GOOD["files"][0]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"id": "gone"}, "line 2: id is missing"),
        ({"family": 3}, "mine-7b: family must be text"),
        ({"files": "gone"}, "mine-7b: files is missing"),
        ({"files": 3}, "mine-7b: files must be a list, not 3"),
        ({"files": ["x"]}, r"files\[0\] must be a mapping of settings, not 'x'"),
        ({"files": [{**FILE, "repo": ""}]}, "needs repo"),
        ({"files": [{**FILE, "file": "../../etc/passwd"}]}, "no path of a .gguf file"),
        ({"files": [{**FILE, "file": "a/../../b.gguf"}]}, "no path of a .gguf file"),
        ({"files": [{**FILE, "bytes": "many"}]}, "bytes must be a whole number, not 'many'"),
        ({"files": [{**FILE, "bytes": -1}]}, "bytes must be at least 0, not -1"),
        ({"files": [{**FILE, "sha256": "abc"}]}, "64 hexadecimal digits"),
        ({"files": [{**FILE, "status": "sure"}]}, "status cannot be 'sure'. It must be one of verified"),
        ({"shape": []}, "shape must be a mapping of settings, not a list"),
        ({"shape": {**GOOD["shape"], "kv_heads": 1.5}}, "kv_heads must be a whole number"),
        ({"params_b": "seven"}, "params_b must be a number"),
        (
            {"shape": {**GOOD["shape"], "kv_hed": 1}},
            "mine-7b: there is no setting 'shape.kv_hed'. Did you mean shape.kv_heads",
        ),
        ({"files": [{**FILE, "revison": "a"}]}, "Did you mean revision"),
    ],
)
def test_a_mistake_in_an_edited_catalogue_is_a_sentence(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        load(ROOT / "config", edited(tmp_path, **changes))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "no valid YAML"),
        ("[]", "must be a mapping of settings"),
        ("models: 3", "models must be a list"),
        ("", "models is missing"),
    ],
)
def test_a_file_that_is_no_catalogue_is_a_sentence(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "catalogue.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=words):
        load(ROOT / "config", tmp_path)


def header(architecture: str, **facts: Any) -> Header:
    """As llama.cpp's converter writes it; `_` stands for a dot before `key_length` and the like."""
    named = {f"{architecture}.{key.replace('__', '.')}": value for key, value in facts.items()}
    return Header(Path("x.gguf"), 1, 1, 1, {"general.architecture": architecture, **named})


HEADERS = {
    "qwen2.5-coder-7b": header(
        "qwen2",
        context_length=32_768,
        block_count=28,
        embedding_length=3584,
        attention__head_count=28,
        attention__head_count_kv=4,
    ),
    "qwen3.5-9b": header(
        "qwen35",
        context_length=262_144,
        block_count=32,
        embedding_length=4096,
        attention__head_count=16,
        attention__head_count_kv=4,
        attention__key_length=256,
        attention__value_length=256,
        full_attention_interval=4,
        ssm__conv_kernel=4,
        ssm__state_size=128,
        ssm__group_count=16,
        ssm__time_step_rank=32,
        ssm__inner_size=4096,
    ),
    "gpt-oss-20b": header(
        "gpt-oss",
        context_length=131_072,
        block_count=24,
        embedding_length=2880,
        attention__head_count=64,
        attention__head_count_kv=8,
        attention__key_length=64,
        attention__value_length=64,
        attention__sliding_window=128,
    ),
    "gemma-4-31b": header(
        "gemma4",
        context_length=262_144,
        block_count=60,
        embedding_length=5376,
        attention__head_count=32,
        attention__head_count_kv=[4 if (layer + 1) % 6 == 0 else 16 for layer in range(60)],
        attention__key_length=512,
        attention__value_length=512,
        attention__key_length_swa=256,
        attention__value_length_swa=256,
        attention__sliding_window=1024,
        attention__sliding_window_pattern=[(layer + 1) % 6 != 0 for layer in range(60)],
    ),
    "gemma-4-e2b": header(
        "gemma4",
        context_length=131_072,
        block_count=35,
        embedding_length=1536,
        attention__head_count=8,
        attention__head_count_kv=1,
        attention__key_length=512,
        attention__value_length=512,
        attention__key_length_swa=256,
        attention__value_length_swa=256,
        attention__sliding_window=512,
        attention__shared_kv_layers=20,
        attention__sliding_window_pattern=[(layer + 1) % 5 != 0 for layer in range(35)],
    ),
    "glm-4.7-flash": header(
        "deepseek2",
        context_length=202_752,
        block_count=47,
        embedding_length=2048,
        attention__head_count=20,
        attention__head_count_kv=1,
        attention__key_length=576,
        attention__value_length=512,
        attention__key_length_mla=256,
        attention__value_length_mla=256,
    ),
    "lfm2.5-8b-a1b": header(
        "lfm2moe",
        context_length=128_000,
        block_count=24,
        embedding_length=2048,
        attention__head_count=32,
        attention__head_count_kv=[8 if layer in (2, 6, 10, 14, 18, 21) else 0 for layer in range(24)],
        shortconv__l_cache=3,
    ),
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_and_the_catalogue_cost_the_same(name: str) -> None:
    """Dense, hybrid, windowed, latent and mixed: one arithmetic, whether the file is here or not."""
    entry = CATALOGUE.get(name)
    assert entry and entry.shape == HEADERS[name].shape


@pytest.mark.parametrize(
    "value", [-1, 1 << 50, float("nan"), float("inf"), "many", [], [1 << 60], True, struct.pack("<d", 1.0)]
)
@pytest.mark.parametrize(
    "key", ["block_count", "attention__head_count_kv", "attention__key_length", "attention__sliding_window"]
)
def test_absurd_numbers_in_a_header_cost_no_memory_and_no_crash(key: str, value: Any) -> None:
    usual = {"block_count": 28, "embedding_length": 3584, "attention__head_count": 28, "attention__head_count_kv": 4}
    shape = header("qwen2", **{**usual, key: value}).shape
    assert shape.kv_values >= 0 and shape.state_bytes >= 0
