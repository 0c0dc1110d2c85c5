"""The law: what the tables show is a pure function of the statements seen, whatever the order, the batches and the
crashes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from include.dynamo_lake.declaration.model import Pipeline
from include.dynamo_lake.dynamodb_json import parse_json
from include.dynamo_lake.reference.derivation import build_lookup, build_rows, type_main_image
from include.dynamo_lake.reference.lake import Lake, Row
from include.dynamo_lake.statements import Statement
from include.dynamo_lake.typing_rules import Rejection, type_source_item
from include.dynamo_lake.versions import Version


@dataclass(frozen=True)
class Tables:
    """What readers and operators can see of a lake, without marks, batch ids and tombstones.

    ``mirrors``: version and raw image of every present item, by source and key. ``target``: rows by item key (items
    without rows left out). ``quarantine``: version and rejection by source and key.
    """

    mirrors: Mapping[str, Mapping[str, tuple[Version, str]]]
    target: Mapping[str, tuple[Row, ...]]
    quarantine: Mapping[tuple[str, str], tuple[Version, Rejection]]


def observed_tables(lake: Lake) -> Tables:
    """What a lake shows."""
    mirrors = {
        source: {key: (row.version, row.image) for key, row in mirror.rows.items() if row.image is not None}
        for source, mirror in lake.mirrors.items()
    }
    quarantine = {name: (row.version, row.rejection) for name, row in lake.quarantine.items()}
    return Tables(mirrors, dict(lake.target.rows), quarantine)


def expected_tables(
    pipeline: Pipeline, statements: Iterable[Statement], full_exports: Iterable[tuple[str, datetime]] = ()
) -> Tables:
    """What any lake must show that has seen these statements, and these full exports (source and instant; their
    statements are among them, whole).

    The newest full export of a source says everything about its instant, so what is older says nothing any more; then
    the greatest version of each key holds.
    """
    since: dict[str, datetime] = {}
    for source_id, at in full_exports:
        since[source_id] = max(at, since.get(source_id, at))
    newest: dict[tuple[str, str], Statement] = {}
    for statement in statements:
        name = (statement.source, statement.key)
        is_known = statement.source not in since or statement.version.at >= since[statement.source]
        if is_known and (name not in newest or statement.version > newest[name].version):
            newest[name] = statement
    mirrors: dict[str, dict[str, tuple[Version, str]]] = {source.id: {} for source in pipeline.sources}
    for (source, key), statement in newest.items():
        if statement.image is not None:
            mirrors[source][key] = (statement.version, statement.image)
    return derived_tables(pipeline, mirrors)


def derived_tables(pipeline: Pipeline, mirrors: Mapping[str, Mapping[str, tuple[Version, str]]]) -> Tables:
    """Target and quarantine from the mirrors alone."""
    quarantine: dict[tuple[str, str], tuple[Version, Rejection]] = {}
    for source, items in mirrors.items():
        for key, (version, image) in items.items():
            typed = type_source_item(pipeline, source, parse_json(image))
            if isinstance(typed, Rejection):
                quarantine[source, key] = (version, typed)
    target: dict[str, tuple[Row, ...]] = {}
    lookups = mirrors[pipeline.lookup.source] if pipeline.lookup else {}
    index = build_lookup(pipeline, {key: image for key, (_, image) in lookups.items()}).index if pipeline.lookup else {}
    for key, (_, image) in mirrors[pipeline.target.source].items():
        item = type_main_image(pipeline, image)
        rows = () if isinstance(item, Rejection) else build_rows(pipeline, item, index)
        if rows:
            target[key] = rows
    return Tables(mirrors, target, quarantine)
