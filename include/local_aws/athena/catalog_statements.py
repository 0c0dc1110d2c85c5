"""SHOW, DESCRIBE and information_schema: answered from the Glue catalog."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Awaitable, Callable, Sequence

import pyarrow as pa

from include.local_aws.athena.catalog import Catalog
from include.local_aws.athena.errors import QueryFailedError
from include.local_aws.athena.results import Row
from include.local_aws.athena.values import Column
from include.local_aws.calls import Json

_NAME = r"[`\"]?([\w-]+)[`\"]?(?:\s*\.\s*[`\"]?([\w-]+)[`\"]?)?"
_LIKE = r"(?:\s+(?:LIKE\s+)?'([^']*)')?"
_SHOW_TABLES = re.compile(rf"SHOW\s+TABLES(?:\s+(?:IN|FROM)\s+{_NAME})?{_LIKE}$", re.IGNORECASE)
_SHOW_VIEWS = re.compile(rf"SHOW\s+VIEWS(?:\s+(?:IN|FROM)\s+{_NAME})?{_LIKE}$", re.IGNORECASE)
_SHOW_DATABASES = re.compile(rf"SHOW\s+(?:DATABASES|SCHEMAS){_LIKE}$", re.IGNORECASE)
_SHOW_COLUMNS = re.compile(rf"SHOW\s+COLUMNS\s+(?:IN|FROM)\s+{_NAME}(?:\s+(?:IN|FROM)\s+{_NAME})?$", re.IGNORECASE)
_SHOW_PARTITIONS = re.compile(rf"SHOW\s+PARTITIONS\s+{_NAME}$", re.IGNORECASE)
_DESCRIBE = re.compile(rf"DESC(?:RIBE)?\s+(?:FORMATTED\s+|EXTENDED\s+)?{_NAME}$", re.IGNORECASE)

Answer = tuple[Sequence[Column], list[Row]]


async def answer_statement(sql: str, database: str, catalog: Catalog) -> Answer:
    """Columns and rows of a SHOW or DESCRIBE statement. Raises QueryFailedError for one that is not answered here."""
    answers: list[tuple[re.Pattern[str], Callable[[re.Match[str]], Awaitable[Answer]]]] = [
        (_SHOW_TABLES, lambda m: _show_tables(m, database, catalog)),
        (_SHOW_DATABASES, lambda m: _show_databases(m, catalog)),
        (_SHOW_COLUMNS, lambda m: _show_columns(m, database, catalog)),
        (_SHOW_VIEWS, lambda m: _show_views(m, database, catalog)),
        (_SHOW_PARTITIONS, lambda m: _show_partitions(m, database, catalog)),
        (_DESCRIBE, lambda m: _describe(m, database, catalog)),
    ]
    text = re.sub(r"\s+", " ", sql.strip())
    for pattern, answer in answers:
        if match := pattern.match(text):
            return await answer(match)
    raise QueryFailedError(
        "NOT_SUPPORTED",
        f"local Athena does not answer {text[:60]!r}: it knows SHOW TABLES, VIEWS, DATABASES, COLUMNS and DESCRIBE",
    )


async def _show_tables(match: re.Match[str], database: str, catalog: Catalog) -> Answer:
    tables = await catalog.tables(_required(match.group(1) or database))
    return _listed("tab_name", [str(table["Name"]) for table in tables], match.group(3))


async def _show_views(match: re.Match[str], database: str, catalog: Catalog) -> Answer:
    tables = await catalog.tables(_required(match.group(1) or database))
    views = [str(table["Name"]) for table in tables if table.get("TableType") == "VIRTUAL_VIEW"]
    return _listed("views", views, match.group(3))


async def _show_databases(match: re.Match[str], catalog: Catalog) -> Answer:
    return _listed("database_name", await catalog.databases(), match.group(1))


async def _show_columns(match: re.Match[str], database: str, catalog: Catalog) -> Answer:
    first, second, outer = match.group(1), match.group(2), match.group(3)
    name, owner = (second, first) if second else (first, outer or database)
    table = await catalog.table(_required(owner), name.lower())
    return _listed("field", [column for column, _ in column_types(table)], None)


async def _show_partitions(match: re.Match[str], database: str, catalog: Catalog) -> Answer:
    table = await _named(match, database, catalog)
    table_name = f'"{table["DatabaseName"]}"."{table["Name"]}$partitions"'
    message = f"SHOW PARTITIONS does not list hidden partitions: query the table {table_name}"
    raise QueryFailedError("NOT_SUPPORTED", message)


async def _describe(match: re.Match[str], database: str, catalog: Catalog) -> Answer:
    table = await _named(match, database, catalog)
    columns = [Column(name, "string") for name in ("col_name", "data_type", "comment")]
    return columns, [(f"{name:<20}", f"{kind:<20}", " " * 20) for name, kind in column_types(table)]


async def _named(match: re.Match[str], database: str, catalog: Catalog) -> Json:
    first, second = match.group(1), match.group(2)
    return await catalog.table(_required(first if second else database), (second or first).lower())


def _required(database: str) -> str:
    if not database:
        raise QueryFailedError("MISSING_SCHEMA_NAME", "no database is named: set Database in QueryExecutionContext")
    return database.lower()


def _listed(title: str, names: list[str], pattern: str | None) -> Answer:
    """One column of names; `pattern` has Hive's `*` and `|`."""
    kept = [
        name
        for name in names
        if pattern is None or any(fnmatch.fnmatchcase(name, one) for one in pattern.lower().split("|"))
    ]
    return [Column(title, "string")], [(name,) for name in kept]


def column_types(table: Json) -> list[tuple[str, str]]:
    """Columns and partition keys of a Glue table with their Hive types."""
    columns = [*(table.get("StorageDescriptor") or {}).get("Columns", []), *table.get("PartitionKeys", [])]
    return [(str(column["Name"]), str(column.get("Type", "string"))) for column in columns]


async def information_schema(name: str, database: str, catalog: Catalog, position: tuple[int, int] | None) -> pa.Table:
    """Rows of `information_schema.<name>`; tables and columns are those of the query's database, or of all."""
    if name == "schemata":
        databases = await catalog.databases()
        return pa.table({"catalog_name": _constant(databases), "schema_name": pa.array(databases, pa.string())})
    if name not in ("tables", "columns"):
        raise QueryFailedError(
            "TABLE_NOT_FOUND", f"Table 'awsdatacatalog.information_schema.{name}' does not exist", position=position
        )
    found = [
        table for one in ([database] if database else await catalog.databases()) for table in await catalog.tables(one)
    ]
    return _tables(found) if name == "tables" else _columns(found)


def _constant(rows: Sequence[object]) -> pa.Array:
    return pa.array(["awsdatacatalog"] * len(rows), pa.string())


def _tables(tables: list[Json]) -> pa.Table:
    kinds = ["VIEW" if table.get("TableType") == "VIRTUAL_VIEW" else "BASE TABLE" for table in tables]
    columns = {
        "table_schema": [str(table["DatabaseName"]) for table in tables],
        "table_name": [str(table["Name"]) for table in tables],
        "table_type": kinds,
    }
    return pa.table(
        {"table_catalog": _constant(tables)} | {name: pa.array(values, pa.string()) for name, values in columns.items()}
    )


def _columns(tables: list[Json]) -> pa.Table:
    rows = [
        (str(table["DatabaseName"]), str(table["Name"]), name, place, "YES", _trino_type(kind))
        for table in tables
        for place, (name, kind) in enumerate(column_types(table), 1)
    ]
    names = ("table_schema", "table_name", "column_name", "ordinal_position", "is_nullable", "data_type")
    kinds = (pa.string(), pa.string(), pa.string(), pa.int64(), pa.string(), pa.string())
    arrays = {name: pa.array([row[place] for row in rows], kinds[place]) for place, name in enumerate(names)}
    return pa.table({"table_catalog": _constant(rows)} | arrays)


def _trino_type(hive: str) -> str:
    return {
        "string": "varchar",
        "int": "integer",
        "float": "real",
        "binary": "varbinary",
        "timestamp": "timestamp(6)",
    }.get(hive, hive)
