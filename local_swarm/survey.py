"""This machine, its rosters, catalogue and model files in, each looked at once, by whoever asks first. Decides nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

from local_swarm.config import Config
from local_swarm.environment.venv import engine_for_graphics
from local_swarm.hardware.detector import detect
from local_swarm.hardware.profile import Hardware
from local_swarm.models.advice import Advisor, advisor
from local_swarm.models.gguf import Header, read_header
from local_swarm.models.registry import Catalogue, load
from local_swarm.paths import checkout, data_folder, home
from local_swarm.roster import Roster, read_roster


def has_module(name: str) -> bool:
    return find_spec(name) is not None


@dataclass(frozen=True, slots=True)
class Readers:
    """How things are found out. `module`: whether one is installed; `program`: where one lies; `graphics`: whether the engine
    that was set up can use a graphics card."""

    hardware: Callable[[], Hardware] = detect
    roster: Callable[[Path], Roster] = read_roster
    catalogue: Callable[[Path, Path], Catalogue] = load
    header: Callable[[Path], Header] = read_header
    module: Callable[[str], bool] = has_module
    program: Callable[[str], str | None] = shutil.which
    graphics: Callable[[Path | None], bool] = engine_for_graphics


class Survey:
    """What one start knows of its machine. Nothing is read before it is asked for, and nothing twice."""

    def __init__(self, readers: Readers | None = None) -> None:
        self.readers = readers or Readers()
        self._headers: dict[Path, Header] = {}
        self._rosters: dict[Path, Roster] = {}

    @cached_property
    def hardware(self) -> Hardware:
        """Takes up to two seconds."""
        return self.readers.hardware()

    @cached_property
    def catalogue(self) -> Catalogue:
        """Raises UsageError for a mistake in it."""
        return self.readers.catalogue(data_folder(), home())

    @cached_property
    def graphics(self) -> bool:
        """Whether the engine that was set up can use a graphics card."""
        return self.readers.graphics(checkout())

    def header(self, path: Path) -> Header:
        """Raises BadModelFile."""
        if path not in self._headers:
            self._headers[path] = self.readers.header(path)
        return self._headers[path]

    def roster(self, path: Path) -> Roster:
        """Raises UsageError with the line of a mistake."""
        if path not in self._rosters:
            self._rosters[path] = self.readers.roster(path)
        return self._rosters[path]

    def advisor(self, config: Config, at_most: int | None = None) -> Advisor:
        """`at_most` bounds the context where the settings leave it free. Raises UsageError for a mistake in the catalogue."""
        return advisor(config, self.hardware, at_most, self.graphics, catalogue=self.catalogue, read=self.header)
