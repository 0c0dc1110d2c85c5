"""The template as CloudFormation gets it: without what only people and linters read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

TEMPLATE = Path("include/infra/pipeline.yaml")
_METADATA = "    Metadata:"
_DEEPER = " " * 6


def read_template_body(root: Path) -> str:
    """The template without comment lines and linters' metadata: CloudFormation takes 51,200 bytes in one request."""
    lines = (line for line in (root / TEMPLATE).read_text().splitlines() if line.strip())
    return "\n".join(_without_metadata(line for line in lines if not line.lstrip().startswith("#"))) + "\n"


def _without_metadata(lines: Iterator[str]) -> Iterator[str]:
    inside = False
    for line in lines:
        inside = line == _METADATA or (inside and line.startswith(_DEEPER))
        if not inside:
            yield line
