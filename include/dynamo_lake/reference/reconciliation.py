"""One mirror against what its source held at one instant: what differs, and the repair."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from include.dynamo_lake.declaration.model import Pipeline, Source
from include.dynamo_lake.dynamodb_json import SETS, parse_json
from include.dynamo_lake.reference.lake import Mirror, MirrorRow, SourceState
from include.dynamo_lake.typing_rules import placement_day
from include.dynamo_lake.versions import Version, export_version

DifferenceKind = Literal["missing", "extra", "different"]


@dataclass(frozen=True)
class Difference:
    """One key that the mirror shows otherwise than the source: an item that it misses, one that it has too many, or
    one with another image. ``version``: of the mirror's row, None where it has none.
    """

    key: str
    kind: DifferenceKind
    version: Version | None


@dataclass(frozen=True)
class Reconciliation:
    """``compared``: keys that were; ``newer``: keys that were not, since the mirror knows something later of them."""

    compared: int
    newer: int
    differences: tuple[Difference, ...]


def reconcile_mirror(source: Source, mirror: Mirror, state: SourceState) -> Reconciliation:
    """Compare what the mirror says as of the state's instant or before with the state.

    Images are equal by content, in whatever order their members stand, and those of sets. A state older than the floor
    says nothing: a later full export has said it already.
    """
    held = _held(source, state)
    version = export_version(state.at)
    known = held.keys() | {key for key, row in mirror.rows.items() if row.image is not None}
    is_old = mirror.floor is not None and state.at < mirror.floor
    newer = {key for key in known if is_old or (key in mirror.rows and mirror.rows[key].version > version)}
    compared = sorted(known - newer)
    return Reconciliation(len(compared), len(newer), tuple(_differences(mirror, held, compared)))


def repair_mirror(
    pipeline: Pipeline,
    source: Source,
    mirror: Mirror,
    state: SourceState,
    found: Reconciliation,
    *,
    run: int,
    rebuilds: bool,
) -> Mirror:
    """Replace what differs by the state, a row of the same version too: the mirror is wrong, and the state was read
    whole. The floor rises to it, as for any full export; rows that agree stay as they are.
    """
    held = _held(source, state)
    version = export_version(state.at)
    rows = dict(mirror.rows)
    for difference in found.differences:
        known, image = rows.get(difference.key), held.get(difference.key)
        old_day = known.day if known else None
        day = old_day if image is None else placement_day(pipeline, source, parse_json(image))
        rows[difference.key] = MirrorRow(image, version, day, run)
    floor = state.at if mirror.floor is None else max(state.at, mirror.floor)
    if rows == mirror.rows and floor == mirror.floor:
        return mirror
    return Mirror(rows, run, floor, run if rebuilds else 0)


def _held(source: Source, state: SourceState) -> dict[str, str]:
    return {one.key: one.image for one in state.statements if one.source == source.id and one.image is not None}


def _differences(mirror: Mirror, held: dict[str, str], compared: list[str]) -> Iterator[Difference]:
    for key in compared:
        row, image = mirror.rows.get(key), held.get(key)
        shown = row.image if row else None
        version = row.version if row else None
        if shown is None:
            yield Difference(key, "missing", version)
        elif image is None:
            yield Difference(key, "extra", version)
        elif _content(parse_json(shown)) != _content(parse_json(image)):
            yield Difference(key, "different", version)


def _content(value: Any) -> Any:
    """A parsed image with its sets in one order."""
    if isinstance(value, list):
        return [_content(one) for one in value]
    if not isinstance(value, dict):
        return value
    is_set = {name: name in SETS and isinstance(member, list) for name, member in value.items()}
    return {name: sorted(member) if is_set[name] else _content(member) for name, member in value.items()}
