"""Draw bars as SVG, the same bytes for the same values. Runs in the environment of the plots; reads JSON from stdin."""

from __future__ import annotations

import json
import sys
from typing import Any

import matplotlib as mpl  # type: ignore[import-not-found]  # of another environment

mpl.use("svg")
from matplotlib import pyplot as plt

mpl.rcParams["svg.hashsalt"] = "dynamo-lake"
mpl.rcParams["font.size"] = 9


def draw(path: str, title: str, unit: str, labels: list[str], values: list[float]) -> None:
    """One picture of horizontal bars, the first on top."""
    figure, axes = plt.subplots(figsize=(6.4, 0.8 + 0.32 * len(values)))
    bars = axes.barh(range(len(values)), values, color="#4878a8")
    axes.set_yticks(range(len(values)), labels)
    axes.invert_yaxis()
    axes.bar_label(bars, fmt="%.1f", padding=3)
    axes.set_title(title, loc="left")
    axes.set_xlabel(unit)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.12)
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)


def main() -> None:
    """Draw every picture that stdin names."""
    wanted: list[dict[str, Any]] = json.load(sys.stdin)
    for one in wanted:
        draw(**one)


if __name__ == "__main__":
    main()
