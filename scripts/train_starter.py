"""Makes the starter model, from nothing: lessons, tokenizer, network, GGUF file, and its scores.

Needs the extra `starter` (PyTorch, tokenizers, gguf): pip install -e .[llamacpp,starter]
Interrupted, it goes on from its checkpoint. Everything random is seeded.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from local_swarm.models import starter

DESCRIPTION = (
    "The starter model of Local Swarm: a demonstration model that writes short Python functions over lists, words, texts and "
    "dictionaries, and reads files with a tool. Its chat template leaves out system texts of more than 240 characters and "
    "the descriptions of tools."
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("build/starter"), help="folder for tokenizer and checkpoint")
    parser.add_argument("--output", type=Path, default=starter.PATH, help="the GGUF file to write, or to measure")
    parser.add_argument("--measure", action="store_true", help="only measure the model that is there")
    parser.add_argument("--prompts", type=int, default=200, help="how many questions to measure with")
    wishes = parser.parse_args()
    if not wishes.measure:
        make(wishes.work, wishes.output)
    from starter.measure import measure

    measure(wishes.output, wishes.prompts)


def make(work: Path, output: Path) -> None:
    """Train what is not trained yet and write the file."""
    from tokenizers import Tokenizer

    from starter.corpus import train_tokenizer
    from starter.export import export
    from starter.network import Shape
    from starter.train import Recipe, train

    work.mkdir(parents=True, exist_ok=True)
    words = work / "tokenizer.json"
    if not words.exists():
        train_tokenizer(seed=0).save(str(words))
    tokenizer = Tokenizer.from_file(str(words))
    network = train(tokenizer, Shape(), Recipe(), work / "checkpoint.pt")
    export(network, tokenizer, output, DESCRIPTION)
    print(f"wrote {output} ({output.stat().st_size / 1e6:.1f} MB)")


if __name__ == "__main__":
    main()
