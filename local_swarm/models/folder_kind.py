"""A folder and its files in, what it holds in place of a model that writes text out, as a sentence with what to do.

Names are those of huggingface.co's libraries: transformers, PEFT, sentence-transformers, diffusers, safetensors.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_swarm.errors import BadModelFile
from local_swarm.models.file_content import recognize
from local_swarm.models.file_on_disk import UNFINISHED, beginning, neighbours

SHOWN = 4  # names that a sentence lists
LONGEST_HEADER = 100 << 20  # bytes, safetensors' own bound
READ_HEADER = 8 << 20  # bytes of a header that is read; longer ones are believed
WRITES = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration", "ForImageTextToText", "ForVision2Seq")
DOES = (  # how the name of a class ends, and what such a model does
    ("SequenceClassification", "classifies or ranks texts"),
    ("TokenClassification", "classifies words"),
    ("QuestionAnswering", "marks an answer within a text"),
    ("MaskedLM", "fills gaps and makes vectors"),
    ("ImageClassification", "classifies pictures"),
    ("SpeechSeq2Seq", "writes down speech"),
    ("CTC", "writes down speech"),
)
VISION = ("clip", "siglip", "vit", "dinov2", "detr", "sam")
SPEECH = ("whisper", "wav2vec2", "encodec", "bark", "speecht5", "vits", "musicgen")
WEIGHTS_ELSE = (
    ((".bin", ".pt", ".pth", ".ckpt", ".pkl"), "Python's pickle, which may run any code"),
    ((".onnx",), "ONNX"),
    ((".msgpack", ".h5", ".tflite", ".npz"), "a format of other libraries"),
)
NEEDED_PACKAGES = {  # quant_method -> the module without which Transformers does not read it
    "gptq": "gptqmodel",
    "awq": "gptqmodel",
    "bitsandbytes": "bitsandbytes",
    "bitsandbytes_4bit": "bitsandbytes",
    "bitsandbytes_8bit": "bitsandbytes",
    "compressed-tensors": "compressed_tensors",
    "auto-round": "auto_round",
    "hqq": "hqq",
    "aqlm": "aqlm",
    "quanto": "optimum",
    "torchao": "torchao",
    "vptq": "vptq",
    "eetq": "eetq",
    "quark": "quark",
    "fbgemm_fp8": "fbgemm_gpu",
}


@dataclass(frozen=True, slots=True)
class FolderFiles:
    """A folder and the names of what lies in it."""

    path: Path
    names: tuple[str, ...]

    def ending_in(self, *ends: str) -> list[str]:
        return [name for name in self.names if name.lower().endswith(ends)]


def list_folder(path: Path) -> FolderFiles:
    return FolderFiles(path, tuple(neighbours(path / "any")))


def require_settings(files: FolderFiles, config: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The settings, where the folder has some, and is none of those that other programs make. Raises BadModelFile."""
    if "model_index.json" in files.names:
        raise refusal(
            files, "holds a pipeline of diffusers, which makes pictures", "Give the folder of a language model"
        )
    if "adapter_config.json" in files.names and "config.json" not in files.names:
        raise refusal(
            files,
            "holds a LoRA adapter, which changes another model",
            "Give the model it was made for, and name the adapter under `adapters` in a roster",
        )
    if (inside := files.ending_in(".gguf")) and not files.ending_in(".safetensors"):
        raise refusal(
            files, f"holds .gguf files: {name_list(inside)}", f"Give one of them, such as {files.path / inside[0]}"
        )
    if "config.json" not in files.names:
        raise refusal(files, "is no model folder: it needs config.json and .safetensors files", "Give another folder")
    if config is None:
        found = recognize(beginning_of(files.path / "config.json"))
        what = (
            f"{found.what}. {found.cure}"
            if found and "JSON" not in found.what
            else "no JSON object. Download it again."
        )
        raise BadModelFile(f"{files.path} is no model folder: its config.json is {what}")
    if any(name in files.names for name in ("modules.json", "config_sentence_transformers.json")):
        raise refusal(
            files,
            "holds an embedding model, which makes vectors of texts and writes none",
            "Set models.embedding to it, and give another model to answer",
        )
    if problem := other_use(config):
        raise refusal(files, problem, "Give a model that writes text, whose class ends in ForCausalLM")
    return config


def other_use(config: Mapping[str, Any]) -> str | None:
    """What a model does that does not write texts from left to right; None for one that does, or does not say."""
    kind, named = str(config.get("model_type", "")), config.get("architectures")
    classes = [one for one in named if isinstance(one, str)] if isinstance(named, list) else []
    if kind.startswith(SPEECH):
        return "holds a speech model"
    if kind.startswith(VISION):
        return "holds a vision model, which writes no text"
    if config.get("is_encoder_decoder") is True:
        return "holds an encoder-decoder model such as T5, which is not run here"
    if not classes or any(one.endswith(WRITES) or "Chat" in one for one in classes):
        return None
    does = next((does for end, does in DOES if classes[0].endswith(end)), "writes no text, by its name")
    return f"holds a {classes[0][:60]}, which {does}"


def require_weights(files: FolderFiles, config: Mapping[str, Any], index: Mapping[str, Any] | None) -> list[Path]:
    """The files of weights, all there and whole. Raises BadModelFile."""
    method = quantization_method(config)
    if method.startswith("exl"):
        raise refusal(
            files, f"is quantized by {method.upper()}, which only ExLlama runs", "Use a GGUF file of this model"
        )
    weights = files.ending_in(".safetensors")
    if not weights:
        raise without_safetensors(files)
    wanted = indexed_files(index)
    if missing := [name for name in wanted if not (files.path / name).is_file()]:
        unfinished = " Its download is not finished." if files.ending_in(*UNFINISHED) else ""
        raise refusal(
            files,
            f"lacks {len(missing)} of its {len(wanted)} files of weights: {name_list(missing)}.{unfinished}",
            "Fetch them",
        )
    for name in weights:
        require_whole(files.path / name)
    if "tokenizer.json" not in files.names:
        raise refusal(files, "has no tokenizer.json", "Fetch it from the model's repository, or use another copy")
    return [files.path / name for name in weights]


def indexed_files(index: Mapping[str, Any] | None) -> list[str]:
    """The files of weights that an index tells; none where it tells nothing."""
    named = (index or {}).get("weight_map")
    return sorted(set(map(str, named.values()))) if isinstance(named, dict) else []


def without_safetensors(files: FolderFiles) -> BadModelFile:
    for ends, form in WEIGHTS_ELSE:
        if found := files.ending_in(*ends):
            what = f"has its weights in {form} ({name_list(found)}), and none as .safetensors"
            return refusal(files, what, "Use a repository with .safetensors, or a GGUF file")
    return refusal(
        files, "is no model folder: it needs config.json and .safetensors files", "Fetch the weights as well"
    )


def require_whole(path: Path) -> None:
    """Raises BadModelFile for a file that is no safetensors, or shorter than it says."""
    head = beginning_of(path)
    if (found := recognize(head)) and "safetensors" not in found.what:
        raise BadModelFile(f"{path} is no weights but {found.what}. {found.cure}")
    size, length = path.stat().st_size, int.from_bytes(head[:8], "little")
    if len(head) < 8 or length > min(size, LONGEST_HEADER):
        raise BadModelFile(f"{path} is cut off or damaged. Download it again.")
    if length <= READ_HEADER and 8 + length + data_end(path, length) > size:
        raise BadModelFile(f"{path} is cut off: it has {size} bytes, and its header tells of more. Download it again.")


def data_end(path: Path, length: int) -> int:
    """How far the tensors of a safetensors file reach behind its header, by the header. Raises BadModelFile."""
    try:
        with path.open("rb") as file:
            file.seek(8)
            tensors: dict[str, Any] = json.loads(file.read(length))
        ends = (one["data_offsets"][1] for name, one in tensors.items() if name != "__metadata__")
        return max(map(int, ends), default=0)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError) as problem:
        raise BadModelFile(f"{path} is damaged: its header cannot be read. Download it again.") from problem


def quantization_method(config: Mapping[str, Any]) -> str:
    """How weights were made smaller, as transformers calls it; empty where they were not."""
    told = config.get("quantization_config")
    return str(told.get("quant_method", "")).lower() if isinstance(told, dict) else ""


def require_package(path: Path, config: Mapping[str, Any], has_module: Callable[[str], bool]) -> None:
    """Raises BadModelFile where Transformers lacks what reads such weights."""
    method = quantization_method(config)
    package = NEEDED_PACKAGES.get(method)
    if package and not has_module(package):
        raise BadModelFile(
            f"{path} is quantized by {method}, which Transformers reads only with the package {package}, which is not installed. "
            f"Install it (pip install {package.replace('_', '-')}), or use a GGUF file of this model."
        )


def refusal(files: FolderFiles, what: str, cure: str) -> BadModelFile:
    return BadModelFile(f"{files.path} {what}{'' if what.endswith('.') else '.'} {cure}.")


def name_list(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def beginning_of(path: Path) -> bytes:
    """Raises BadModelFile."""
    try:
        return beginning(path)
    except OSError as problem:
        raise BadModelFile(f"{path} cannot be read: {problem.strerror or problem}.") from problem
