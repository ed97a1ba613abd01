"""Any dataclass can be read from a file; every mistake names its file, its line and the nearest right word."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import pytest

from local_swarm.config import load as load_config
from local_swarm.errors import UsageError
from local_swarm.settings.fields import Commas, Key, Range, dotted_keys
from local_swarm.settings.reader import read_settings
from local_swarm.settings.tree import YamlNode, leaves, tree_of
from local_swarm.settings.yaml_text import parse_yaml, read_file


@dataclass(frozen=True)
class Engine:
    power: Annotated[int, Range(1, 9)]
    fuel: Literal["petrol", "diesel"] | None = None


@dataclass(frozen=True)
class Wheel:
    OPEN: ClassVar[bool] = True
    inches: Annotated[float, Range(0)] = 16.0


@dataclass(frozen=True)
class Car:
    NAMED_BY: ClassVar[str] = "name"
    name: str
    engine: Engine | None = None
    motor: str | Engine | None = None
    wheels: tuple[Wheel, ...] = ()
    colors: Annotated[tuple[str, ...], Commas] = ("red",)
    top_kmh: Annotated[float | None, Key("top")] = None
    sold: bool = False
    extras: Any = None

    def mistake(self) -> str | None:
        return "a sold car needs its engine." if self.sold and not self.engine else None


def read(text: str) -> Car:
    return read_settings(Car, parse_yaml(text, "cars.yaml"))


def test_every_kind_of_value_is_read() -> None:
    car = read(
        "name: a\nengine: {power: 3, fuel: diesel}\nmotor: {power: 1}\nwheels:\n  - inches: 17\n  - {}\n"
        "colors: [x, y]\ntop: 100\nsold: true\nextras: {a: [1, {b: null}]}\n"
    )
    assert car.engine == Engine(3, "diesel") and car.motor == Engine(1)
    assert [one.inches for one in car.wheels] == [17.0, 16.0] and isinstance(car.wheels[0].inches, float)
    assert car.colors == ("x", "y") and car.top_kmh == 100.0 and car.extras == {"a": [1, {"b": None}]}
    assert read("name: a\nmotor: b\nengine: null\ncolors: x, y\n").colors == ("x", "y")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: a\ntpo: 1\n", "cars.yaml, line 2: a: there is no setting 'tpo'. Did you mean top?"),
        ("name: a\n\nengine:\n  power: 10\n", "line 4: a: engine.power must be between 1 and 9, not 10."),
        ("name: a\nengine:\n  power: .nan\n", "line 3: a: engine.power must be a whole number, not nan."),
        ("name: a\nengine: {power: 1, fuel: petrl}\n", "engine.fuel cannot be 'petrl'. Did you mean petrol?"),
        ("name: a\nengine: {power: 1, fuel: [petrol]}\n", "engine.fuel cannot be a list. It must be one of petrol,"),
        ("name: a\nengine:\n  fuel: petrol\n", "line 2: a: engine.power is missing."),
        ("engine: null\n", "cars.yaml, line 1: name is missing."),
        ("name: a\nengine: fast\n", "line 2: a: engine must be a mapping of settings, not 'fast'."),
        ("name: a\nmotor: 3\n", "line 2: a: motor must be text, not 3."),
        ("name: a\nwheels: {}\n", "line 2: a: wheels must be a list, not a mapping."),
        ("name: a\nwheels:\n  - inches: -1\n", "line 3: a: inches must be at least 0, not -1."),
        ("name: a\nwheels:\n  - 16\n", r"line 3: a: wheels\[0\] must be a mapping of settings, not 16."),
        ("name: a\nwheels:\n  - {inchs: 16}\n", "line 3: a: there is no setting 'inchs'. Did you mean inches?"),
        ("name: a\ncolors: []\n", "colors must be a list of names, not a list."),
        ("name: a\nsold: 1\n", "sold must be true or false, not 1."),
        ("name: a\ntop: true\n", "top must be a number, not true."),
        ("name: a\nsold: true\n", "cars.yaml, line 1: a: a sold car needs its engine."),
        ("- a\n", "cars.yaml, line 1: this must be a mapping of settings, not a list."),
        (f"name: a\ntop: {'x' * 999}\n", "must be a number, not 'x{79}…"),
    ],
)
def test_a_mistake_names_its_line_and_the_nearest_word(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read(text)


def test_what_an_open_mapping_does_not_know_passes() -> None:
    assert read("name: a\nwheels: [{inches: 15, spokes: 5}]\n").wheels == (Wheel(15.0),)


def test_what_comes_from_no_file_names_where_it_comes_from() -> None:
    with pytest.raises(UsageError, match=r"^command line: name must be text, not 3\.$"):
        read_settings(Car, YamlNode.of({"name": 3}, "command line"))


def test_half_characters_are_mended() -> None:
    assert read_settings(Car, YamlNode.of({"name": "a\ud800"}, "here")).name == "a\ufffd"


def test_keys_are_dotted_and_go_by_their_names_in_files() -> None:
    assert dotted_keys(Outer) == ["inner.power", "inner.fuel", "top"]


@dataclass(frozen=True)
class Outer:
    inner: Engine
    top_kmh: Annotated[int, Key("top")] = 1


def test_a_tree_becomes_leaves_and_a_tree_again() -> None:
    tree = parse_yaml("a:\n  b: 1\n  c: [2]\nd: null\n", "x")
    flat = leaves(tree)
    assert list(flat) == ["a.b", "a.c", "d"] and flat["a.c"].where == "x, line 3"
    assert tree_of(flat).plain() == tree.plain() == {"a": {"b": 1, "c": [2]}, "d": None}


def test_a_file_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"The roster .*none.yaml cannot be read: No such file"):
        read_file(tmp_path / "none.yaml", "roster")
    (tmp_path / "broken.yaml").write_text("a: [", encoding="utf-8")
    with pytest.raises(UsageError, match=r"The roster .*broken.yaml is no valid YAML: .*line"):
        read_file(tmp_path / "broken.yaml", "roster")


def test_a_mistake_between_settings_of_several_sources_names_none_of_them(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("swarm: {min_instances: 5, max_instances: 3}", encoding="utf-8")
    with pytest.raises(UsageError, match=r"^swarm\.min_instances must not be larger"):
        load_config(file, {}, environment={})
