"""A shape's name and a quantization in, the path of a model file out: made once, kept in the swarm's home."""

from __future__ import annotations

from pathlib import Path

from local_swarm.errors import UsageError
from local_swarm.models.planner import QUANTIZATIONS
from local_swarm.paths import home, make_folder
from local_swarm_benchmarks.shapes import SHAPES, write


def model_file(name: str, quantization: str) -> Path:
    """Raises UsageError for a shape or quantization that there is none of."""
    kinds = {kind: number for number, kind in QUANTIZATIONS.items()}
    if name not in SHAPES:
        raise UsageError(f"There is no shape {name!r}. There are: {', '.join(SHAPES)}.")
    if quantization not in kinds:
        raise UsageError(f"There is no quantization {quantization!r}. There are: {', '.join(kinds)}.")
    folder = home() / "bench"
    made, source = folder / f"{name}-{quantization}.gguf", folder / f"{name}-f16.gguf"
    if not made.exists():
        make_folder(folder)
        if not source.exists():
            part = source.with_suffix(".part")
            write(SHAPES[name], part)
            part.rename(source)
        if made != source:
            quantize(source, made, kinds[quantization])
    return made


def quantize(source: Path, target: Path, kind: int) -> None:
    """llama.cpp's own quantizer, by the number it knows the kind by."""
    import ctypes

    from llama_cpp import llama_cpp as lib

    from local_swarm.backends.llamacpp.library import log, open_library

    open_library()
    params = lib.llama_model_quantize_default_params()
    params.ftype = kind
    part = target.with_suffix(".part")
    if lib.llama_model_quantize(str(source).encode(), str(part).encode(), ctypes.byref(params)):
        raise UsageError(f"llama.cpp cannot make {target.name}: {log.reason}.")
    part.rename(target)
