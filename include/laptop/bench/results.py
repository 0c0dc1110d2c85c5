"""Where results are kept: those of an unfinished run beside the checkout's other local files, finished ones in docs/."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from include.laptop import paths
from include.laptop.bench.benchmark import Scale, Values

KEPT = paths.ROOT / "docs" / "benchmarks.json"
FOLDER = paths.LOCAL / "bench"


@dataclass
class Measured:
    """Results of one scale: by benchmark, then by case. Every case is saved as soon as it is measured."""

    scale: Scale
    values: dict[str, dict[str, Values]] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        return FOLDER / f"unfinished-{self.scale.name}.json"

    def has(self, key: str, case: str) -> bool:
        return case in self.values.get(key, {})

    def add(self, key: str, case: str, values: Values) -> None:
        self.values.setdefault(key, {})[case] = values
        FOLDER.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(self.values))


def read_unfinished(scale: Scale) -> Measured:
    """What an interrupted run of this scale has measured already."""
    measured = Measured(scale)
    if measured.path.is_file():
        measured.values = json.loads(measured.path.read_text())
    return measured


def read_kept() -> dict[str, Any]:
    """All kept results: by scale, then by benchmark; each with the machine that measured it."""
    kept: dict[str, Any] = json.loads(KEPT.read_text()) if KEPT.is_file() else {}
    return kept


def keep(measured: Measured, day: str) -> dict[str, Any]:
    """Put a run's benchmarks in the place of those of the last run of this scale; others stay."""
    kept = read_kept()
    scale = kept.setdefault(measured.scale.name, {})
    for key, cases in measured.values.items():
        scale[key] = {"day": day, "machine": machine(), "cases": cases}
    KEPT.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")
    measured.path.unlink(missing_ok=True)
    return kept


def machine() -> str:
    """The machine in a few words."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
