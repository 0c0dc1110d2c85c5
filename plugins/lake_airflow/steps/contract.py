"""Contract: the source tables against the declaration. Wrong keys fail; new attributes and odd types warn, once."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from include.dynamo_lake.declaration import Attribute, Pipeline, Source
from include.dynamo_lake.errors import ContractError
from lake_airflow.iceberg import read_table
from lake_airflow.lake_state import commit_warned
from lake_airflow.pipelines import Lake, read_lake

if TYPE_CHECKING:
    from types_boto3_dynamodb.type_defs import TableDescriptionTypeDef

log = logging.getLogger(__name__)

# Types that a DynamoDB crawler gives to an attribute, by the tag that a declaration accepts.
_CRAWLED_BY_TAG = {"S": {"string"}, "N": {"bigint", "int", "double", "decimal", "float", "long"}, "L": {"array"}}
_ENTRIES = "array<struct<"
_WITH_NEW_IMAGES = {"NEW_IMAGE", "NEW_AND_OLD_IMAGES"}


def check_contract(pipeline: str) -> list[str]:
    """Check keys, streams and crawled schema of every source; return all warnings that hold. The log warns of the new ones only.

    Raises:
        ContractError: a table's key is not the declared one, both sides named.
    """
    lake = read_lake(pipeline)
    tables = {source: _describe(lake, source) for source in lake.sources}
    wrong = [problem for source, table in tables.items() if (problem := _key_problem(table, source))]
    if wrong:
        raise ContractError("\n".join(wrong))
    streams = _stream_warnings(lake, tables)
    schemas = [warning for source in lake.sources for warning in _schema_warnings(lake, source)]
    for warning in commit_warned(lake.clients.s3, lake.bucket, streams=streams, schemas=schemas):
        log.warning(warning)
    log.info("%d warnings hold; the asset event lists them", len(streams) + len(schemas))
    return [*streams, *schemas]


def stream_warnings(lake: Lake) -> list[str]:
    """What the function does not hear of the sources' streams, with the remedy."""
    return _stream_warnings(lake, {source: _describe(lake, source) for source in lake.sources})


def _describe(lake: Lake, source: Source) -> TableDescriptionTypeDef:
    return lake.clients.dynamodb.describe_table(TableName=lake.table_name(source.id))["Table"]


def _key_problem(table: TableDescriptionTypeDef, source: Source) -> str | None:
    types = {one["AttributeName"]: one["AttributeType"] for one in table["AttributeDefinitions"]}
    schema = sorted(table["KeySchema"], key=lambda one: one["KeyType"] != "HASH")
    found = tuple((one["AttributeName"], str(types[one["AttributeName"]])) for one in schema)
    declared = tuple((attribute.name, str(attribute.type)) for attribute in source.key)
    if found == declared:
        return None
    return (
        f"Table {table['TableName']} has the key {_key_text(found)}, the declaration says {_key_text(declared)} "
        f"(sources.{source.id}.key): correct the declaration, or name the right table"
    )


def _key_text(key: Iterable[tuple[str, str]]) -> str:
    return " + ".join(f"{name} ({kind})" for name, kind in key)


def _stream_warnings(lake: Lake, tables: Mapping[Source, TableDescriptionTypeDef]) -> list[str]:
    return [warning for source, table in tables.items() for warning in _unheard(lake, table, source)]


def _unheard(lake: Lake, table: TableDescriptionTypeDef, source: Source) -> Iterator[str]:
    """What the pipeline no longer hears of one table; its windows carry the changes late, where it has an hourly DAG."""
    mapped = lake.stream_arn(source.id)
    if not mapped:
        return
    has_windows = lake.pipeline.schedule.mode != "on_change"
    missed = "with the windows" if has_windows else f"with {lake.names.dag_id('reconcile')} (repair)"
    stream = table.get("StreamSpecification")
    name, view = table["TableName"], stream.get("StreamViewType") if stream else None
    switch = f"aws dynamodb update-table --table-name {name} --stream-specification StreamEnabled=true,StreamViewType=NEW_IMAGE"
    if not stream or not stream["StreamEnabled"]:
        yield (
            f"Source {source.id}: the stream of table {name} is off, so changes come {missed} alone: switch it on "
            f"({switch}), then deploy again: its ARN is a new one"
        )
    elif table.get("LatestStreamArn") != mapped:
        yield (
            f"Source {source.id}: table {name} has the stream {table.get('LatestStreamArn')}, the function hears {mapped}: "
            f"deploy again, which maps it to the present one; what was written meanwhile comes {missed}"
        )
    elif view not in _WITH_NEW_IMAGES:
        yield (
            f"Source {source.id}: the stream of table {name} shows {view}, without new images, so its records are put aside: "
            f"switch it off and on ({switch}), then deploy again"
        )


def _schema_warnings(lake: Lake, source: Source) -> Iterator[str]:
    crawled = read_table(lake.clients.glue, lake.settings.sources_database, crawled_name(lake.table_name(source.id)))
    if crawled is None:
        yield f"Source {source.id} is not in database {lake.settings.sources_database} yet: its schema was not compared"
        return
    columns = {one["Name"].lower(): one.get("Type", "") for one in crawled["StorageDescriptor"].get("Columns", [])}
    declared = declared_attributes(lake.pipeline, source)
    lists = {name for name, tags in declared.items() if tags == {"L"}}
    found = dict(_crawled_attributes(columns, lists))
    for name in sorted(found.keys() - declared.keys()):
        yield f"Source {source.id}: attribute {name} ({found[name]}) is not in the declaration; it stays in the mirror only"
    for name, tags in sorted(declared.items()):
        kind = found.get(name)
        if kind is not None and tags and not _matches(kind, tags):
            yield f"Source {source.id}: attribute {name} was crawled as {kind}, the declaration accepts {'/'.join(sorted(tags))}"


def _crawled_attributes(columns: Mapping[str, str], lists: Collection[str]) -> Iterator[tuple[str, str]]:
    """The type of every attribute, and of every member of the entries of a declared list."""
    for name, kind in columns.items():
        yield name, kind
        if name in lists and kind.startswith(_ENTRIES):
            for member in _members(kind.removeprefix(_ENTRIES).removesuffix(">>")):
                inside, _, of_type = member.partition(":")
                yield f"{name}[].{inside.lower()}", of_type


def _members(struct: str) -> Iterator[str]:
    """Members of a struct's type, ``name:type``: commas inside a member's own type separate nothing."""
    depth, start = 0, 0
    for place, character in enumerate(struct):
        depth += (character in "<(") - (character in ">)")
        if character == "," and depth == 0:
            yield struct[start:place]
            start = place + 1
    yield struct[start:]


def crawled_name(table: str) -> str:
    """What a crawler calls the catalog table of a DynamoDB table."""
    return re.sub(r"[^a-z0-9_]", "_", table.lower())


def declared_attributes(pipeline: Pipeline, source: Source) -> Mapping[str, frozenset[str]]:
    """Declared attributes of a source by path in lower case (``list[].name``), with the accepted tags (none: any type fits)."""
    accepted: dict[str, frozenset[str]] = {key.name.lower(): frozenset({key.type}) for key in source.key}
    for attribute, tags in _attributes(pipeline, source):
        path = attribute.path.lower()
        accepted[path] = accepted.get(path, frozenset()) | frozenset(tags)
    if source.day:
        accepted.setdefault(source.day.lower(), frozenset())
    return accepted


def _attributes(pipeline: Pipeline, source: Source) -> Iterator[tuple[Attribute, tuple[str, ...]]]:
    lookup = pipeline.lookup
    for column in pipeline.target.columns:
        of_lookup = column.origin == "lookup"
        if column.attribute and of_lookup == (lookup is not None and source.id == lookup.source):
            yield column.attribute, column.accept
    if lookup is not None and source.id == lookup.source:
        for match in lookup.on:
            yield match.lookup, ()
        yield Attribute(None, lookup.list), ("L",)
    else:
        yield Attribute(None, pipeline.target.list), ("L",)


def _matches(crawled: str, tags: frozenset[str]) -> bool:
    base = crawled.partition("(")[0].partition("<")[0].lower()
    return any(base in _CRAWLED_BY_TAG.get(tag, set()) for tag in tags)
