"""What a run cost, estimated from list prices (`prices.json`)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.resources import files

_GB = Decimal(10**9)
_TB = Decimal(10**12)
_HOUR_S = Decimal(3600)


@dataclass(frozen=True)
class Usage:
    """What a run used: billed bytes per export of a window that it started, DPU-seconds of its merge, crawls it started, bytes
    scanned per query, billed bytes per full export that it started.
    """

    export_bytes: tuple[int, ...]
    dpu_seconds: float
    crawls: int
    scanned_bytes: tuple[int, ...]
    full_export_bytes: tuple[int, ...] = ()


@cache
def read_prices() -> Mapping[str, Decimal]:
    """The price list, numbers only."""
    content = json.loads(
        files("lake_airflow").joinpath("prices.json").read_text(), parse_float=Decimal, parse_int=Decimal
    )
    return {name: value for name, value in content.items() if isinstance(value, Decimal)}


def estimate_cost(usage: Usage, prices: Mapping[str, Decimal]) -> dict[str, str]:
    """Cost in the list's currency by part, and in total, rounded up to 0.0001; as text, so that no float enters."""
    glue = prices["glue_dpu_hour"] / _HOUR_S
    windows = _billed(usage.export_bytes, prices["export_incremental_min_bytes"]) / _GB * prices["export_per_gb"]
    parts = {
        "exports": windows + sum(usage.full_export_bytes) / _GB * prices["export_full_per_gb"],
        "merge": Decimal(str(usage.dpu_seconds)) * glue,
        "crawls": usage.crawls * prices["crawl_min_seconds"] * prices["crawler_dpus"] * glue,
        "queries": _billed(usage.scanned_bytes, prices["athena_min_bytes"]) / _TB * prices["athena_per_tb"],
    }
    parts["total"] = sum(parts.values(), Decimal(0))
    return {name: str(value.quantize(Decimal("0.0001"), rounding="ROUND_UP")) for name, value in parts.items()}


def _billed(sizes: Iterable[int], minimum: Decimal) -> Decimal:
    return sum((max(Decimal(size), minimum) for size in sizes), Decimal(0))
