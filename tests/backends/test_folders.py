"""Folders of safetensors: what is read of them, tokens and bytes as llama.cpp has them, JSON by schema, memory arithmetic."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tokenizers", reason="tokenizers is not installed")

from local_swarm.backends.lockstep.vocabulary import LETTERS, Vocabulary
from local_swarm.errors import BadModelFile, DoesNotFit
from local_swarm.models import starter
from local_swarm.models.folder import Folder, read_folder, template_of
from local_swarm.models.folder_plan import plan_folder
from tests.backends.engines import starter_folder

SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"enum": ["x", "y"]}},
    "required": ["a", "b"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return starter_folder(tmp_path_factory.mktemp("folders"))


def test_a_folder_says_what_its_gguf_says(folder: Path) -> None:
    from local_swarm.models.gguf import read_header

    made, header = read_folder(folder), read_header(starter.PATH)
    assert (made.architecture, made.context) == (header.architecture, header.context)
    assert made.kv_bytes_per_token() == header.kv_bytes_per_token()
    assert made.quantization == "float32" and not made.mlx


@pytest.mark.parametrize(
    "text",
    [
        "def solve(numbers):\n    return 'é' # ünïcode 𝔘 12345 tests's",
        '<tool_call>{"name": "read", "arguments": {"path": "a\\n"}}</tool_call>',
        "<|im_start|>user\nhi<|im_end|>\n  \t x",
    ],
)
def test_tokens_and_their_bytes_are_llama_cpps(folder: Path, text: str) -> None:
    pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")
    from local_swarm.backends.llamacpp import library

    library.open_library()
    vocabulary, model = Vocabulary(folder), library.LoadedModel(starter.PATH, 0)
    tokens = vocabulary.tokenize(text)
    assert tokens == model.tokenize(text)[1:]  # llama.cpp adds a beginning
    assert [vocabulary.piece(token) for token in tokens] == [model.piece(token) for token in tokens]
    assert {token for token in range(len(vocabulary)) if vocabulary.ends(token)} >= {2}
    model.close()


def test_bytes_have_letters_of_their_own() -> None:
    assert sorted(LETTERS.values()) == list(range(256)) and LETTERS["Ġ"] == ord(" ")


def test_sentencepiece_tokens_have_their_bytes(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models

    Tokenizer(models.BPE(vocab={"▁the": 0, "<0xE2>": 1, "</s>": 2}, merges=[])).save(str(tmp_path / "tokenizer.json"))
    vocabulary = Vocabulary(tmp_path)
    assert [vocabulary.piece(token) for token in (0, 1)] == [b" the", b"\xe2"]


def test_what_is_no_tokenizer_is_said(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(BadModelFile, match=r"tokenizer\.json"):
        Vocabulary(tmp_path)


@pytest.mark.parametrize("seed", range(5))
def test_whatever_is_drawn_under_a_schema_obeys_it(folder: Path, seed: int) -> None:
    pytest.importorskip("llguidance", reason="llguidance is not installed")
    vocabulary, random = Vocabulary(folder), np.random.default_rng(seed)
    rule = vocabulary.constraints()(json.dumps(SCHEMA))
    said = b""
    for _ in range(200):
        scores = rule.mask(random.normal(size=len(vocabulary)).astype(np.float32))
        token = int(scores.argmax())
        assert rule.allows(token) and not all(rule.allows(other) for other in range(100))
        rule.accept(token)
        if vocabulary.ends(token):
            break
        said += vocabulary.piece(token)
    found = json.loads(said)
    assert isinstance(found["a"], int) and found["b"] in ("x", "y")


def test_a_schema_that_cannot_be_enforced_is_said(folder: Path) -> None:
    pytest.importorskip("llguidance", reason="llguidance is not installed")
    with pytest.raises(ValueError, match="type"):
        Vocabulary(folder).constraints()('{"type": "nothing"}')


def shaped(**config: object) -> Folder:
    usual = {"num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "hidden_size": 4096}
    return Folder(Path("m"), 4 << 30, {**usual, "max_position_embeddings": 131_072, **config}, None)


def test_copies_are_priced_whole_and_the_context_shrinks_to_fit() -> None:
    how = plan_folder(shaped(), 4, None, 16 << 30)
    assert shaped().kv_bytes_per_token() == 131_072  # 32 layers x 8 heads x 128 x 2 x 2 bytes
    assert how.context == 16_384 and how.memory.total_bytes <= 16 << 30
    assert how.memory.kv_context_bytes + how.memory.kv_answers_bytes == 5 * 16_384 * 131_072


def test_what_does_not_fit_is_told_with_the_arithmetic() -> None:
    with pytest.raises(DoesNotFit, match=r"4 workers and a context of 65536 tokens needs 44\.\d GiB; 16\.0 GiB"):
        plan_folder(shaped(), 4, 65_536, 16 << 30)


def test_layers_with_a_recurrent_state_keep_no_keys() -> None:
    mixed = shaped(layer_types=["linear_attention"] * 24 + ["full_attention"] * 8)
    assert mixed.kv_bytes_per_token() * 4 == shaped().kv_bytes_per_token()


def test_of_several_templates_the_default_is_taken(tmp_path: Path) -> None:
    told = [{"name": "tool_use", "template": "t"}, {"name": "default", "template": "d"}]
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": told}))
    assert template_of(tmp_path) == "d"


def test_what_is_no_model_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadModelFile, match=r"config\.json"):
        read_folder(tmp_path)


def test_a_folder_that_wants_to_run_code_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("mlx_lm", reason="mlx-lm is not installed; on Linux it is mlx-lm[cpu]")
    from local_swarm.backends.mlx.model import MlxModel

    (tmp_path / "config.json").write_text('{"model_file": "evil.py", "model_type": "llama"}')
    (tmp_path / "evil.py").write_text("raise SystemExit('run')")
    with pytest.raises(BadModelFile, match="code of its own"):
        MlxModel(tmp_path)
