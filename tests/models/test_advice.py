"""What a start without a choice runs, what `plan` says of it, and what lies on this disk: one answer for all three."""

from __future__ import annotations

from pathlib import Path

import pytest

from local_swarm.config import load
from local_swarm.errors import BadModelFile
from local_swarm.models import starter
from local_swarm.models.advice import Advisor, advisor
from tests.models.machines import machine
from tests.models.made_files import changed, written


def advised(folder: Path, gib: float = 16, context: int | None = None) -> Advisor:
    flags = {"models.cache_dir": str(folder), "models.context": context}
    return advisor(load(None, flags, {}), machine(gib))


def test_a_plan_is_what_a_plain_start_runs_and_names_what_is_recommended(tmp_path: Path) -> None:
    written(tmp_path / "mine.gguf", changed())
    counsel = advised(tmp_path)
    plan = counsel.plain_start()
    assert plan.path == counsel.what_runs(None).path == tmp_path / "mine.gguf"
    assert (
        "recommended here, but not on this disk: Qwen3.5-9B" in plan.why[-1] and "download qwen3.5:9b" in plan.why[-1]
    )


def test_where_nothing_is_here_the_plan_is_the_recommendation_and_says_what_runs_until_then(tmp_path: Path) -> None:
    plan = advised(tmp_path).plain_start()
    assert plan.model == "qwen3.5-9b" and "download qwen3.5:9b" in plan.why[-2]
    assert plan.why[-1] == "until it is here, a start without a choice runs the starter model"


def test_where_nothing_of_the_catalogue_fits_the_plan_is_the_starters(tmp_path: Path) -> None:
    plan = advised(tmp_path, gib=0.5).plain_start()
    assert plan.starter and "None of the preferred models fits" in plan.why[-1]


def test_what_is_here_is_listed_with_what_a_plain_start_runs_first_and_with_why_the_rest_cannot(tmp_path: Path) -> None:
    written(tmp_path / "a-damaged.gguf", changed()[:9000])
    written(tmp_path / "mine.gguf", changed())
    first, second = advised(tmp_path).local_models()
    assert (first.name, first.path, first.problem) == ("mine", tmp_path / "mine.gguf", None)
    assert first.plan and first.plan.workers == 5 and advised(tmp_path).find(first.name).path == first.path
    assert second.name == "a-damaged" and second.plan is None and "cut off" in (second.problem or "")


def test_a_file_of_the_catalogue_is_listed_once_and_under_its_name_there(tmp_path: Path) -> None:
    whole = advised(tmp_path).catalogue
    entry = next(one for one in whole if one.name == "qwen2.5-coder:0.5b")
    variant = next(one for one in entry.variants if one.status != "exact" or one.bytes is None)
    counsel = advised(tmp_path)
    path = counsel.storage.path_of(variant)
    with path.open("wb") as file:
        file.write(starter.PATH.read_bytes())
        file.truncate(variant.bytes or 1 << 20)
    names = [one.name for one in counsel.local_models()]
    assert len(names) == 1 and names[0].startswith("qwen2.5-coder:0.5b:")


def test_a_file_that_cannot_read_as_much_as_is_asked_for_is_passed_over(tmp_path: Path) -> None:
    written(tmp_path / "mine.gguf", changed({"llama.context_length": 2048}))
    assert advised(tmp_path, context=16_384).best_here() is None


def test_files_of_a_model_are_compared_in_one_setting_so_that_fewer_bits_need_less(tmp_path: Path) -> None:
    counsel = advised(tmp_path, gib=24)
    for entry in counsel.catalogue:
        if compared := counsel.comparison(entry):
            sizes = sorted((one.bytes or 0, need.total_bytes) for one, need in compared.needs.items())
            assert [need for _, need in sizes] == sorted(need for _, need in sizes)
            assert "workers and a context of" in compared.text


def test_the_plan_of_a_folder_that_is_none_says_what_it_holds(tmp_path: Path) -> None:
    written(tmp_path / "a.gguf", changed())
    counsel = advised(tmp_path)
    with pytest.raises(BadModelFile, match=r"holds \.gguf files: a\.gguf"):
        counsel.plan_for(counsel.find(str(tmp_path)))


def test_files_of_ones_own_are_told_apart_from_the_catalogues(tmp_path: Path) -> None:
    written(tmp_path / "mine.gguf", changed())
    written(tmp_path / "eyes.gguf", changed(architecture="clip"))
    found = {one.name: one for one in advised(tmp_path).own_models()}
    assert found["mine"].plan and "projector" in (found["eyes"].problem or "")
    assert advised(tmp_path).plain_start().model == "mine"
