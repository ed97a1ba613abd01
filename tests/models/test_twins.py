"""Which repository MLX is to run where a model of the catalogue is wished for."""

from __future__ import annotations

import pytest

from local_swarm.errors import DoesNotFit, UnknownModel
from local_swarm.models.mlx_repos import best_twin, twin, twins
from local_swarm.models.registry import Catalogue, load
from local_swarm.paths import data_folder

GB = 10**9


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return load(data_folder(), tmp_path_factory.mktemp("home"))


def test_a_name_means_the_twin_of_that_model(catalogue: Catalogue) -> None:
    small = "mlx-community/Qwen2.5-Coder-0.5B-Instruct-4bit"
    assert twin(catalogue, "qwen2.5-coder:0.5b") == twin(catalogue, "qwen2.5-coder-0.5b:4bit") == small


def test_what_has_no_twin_says_what_there_is(catalogue: Catalogue) -> None:
    with pytest.raises(UnknownModel, match=r"Coder-0\.5B-Instruct-4bit"):
        twin(catalogue, "qwen2.5-coder-0.5b:3bit")
    with pytest.raises(UnknownModel):
        twin(catalogue, "no-such-model")
    without = next(entry for entry in catalogue if not twins(entry))
    with pytest.raises(UnknownModel, match="none"):
        twin(catalogue, without.id)


def test_without_a_name_it_is_the_best_that_fits(catalogue: Catalogue) -> None:
    sizes = {repo: size for entry in catalogue for repo, size in twins(entry)}
    for budget in (8 * GB, 16 * GB, 64 * GB):
        assert (sizes[best_twin(catalogue, ("auto",), budget)] or 0) <= budget
    assert best_twin(catalogue, ("auto",), None) == next(
        repo for entry in catalogue.order(("auto",)) for repo, _ in twins(entry)
    )
    with pytest.raises(DoesNotFit):
        best_twin(catalogue, ("auto",), 1)
