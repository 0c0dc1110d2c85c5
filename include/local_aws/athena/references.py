"""Find the tables that a query names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlglot import exp

from include.local_aws.athena.errors import QueryFailedError, position_of

METADATA_TABLES = ("files", "history", "manifests", "partitions", "snapshots", "refs")
_CATALOGS = ("", "awsdatacatalog")


@dataclass(frozen=True)
class Reference:
    """One place where a query names a table. `metadata` is the part after `$` (`partitions`), else empty.

    `node` is that place in the tree; `travel` the operand of FOR VERSION or TIMESTAMP AS OF.
    """

    node: exp.Table
    database: str
    table: str
    metadata: str
    travel: exp.Expr | None = None
    travel_by: Literal["version", "timestamp", ""] = ""

    @property
    def is_information_schema(self) -> bool:
        return self.database == "information_schema"


def find_references(tree: exp.Query, default_database: str) -> list[Reference]:
    """List every named table that is not a common table expression, in the order of the text."""
    found = [_reference(node, default_database) for node in tree.find_all(exp.Table) if _is_stored(node)]
    return sorted(found, key=lambda one: position_of(one.node) or (0, 0))


def _is_stored(node: exp.Table) -> bool:
    if not isinstance(node.this, exp.Identifier):
        if isinstance(node.this, exp.Func):
            name = node.this.name if isinstance(node.this, exp.Anonymous) else node.this.sql_name()
            message = f"Table function '{name.lower()}' not registered"
            raise QueryFailedError("FUNCTION_NOT_FOUND", message, position=position_of(node))
        return False
    return bool(node.db) or node.name.lower() not in _visible_ctes(node)


def _visible_ctes(node: exp.Expr) -> set[str]:
    """Names of the WITH entries that a table reference may mean: those of every enclosing query, not its own entry."""
    names: set[str] = set()
    inside: exp.Expr = node
    while (outer := inside.parent) is not None:
        with_ = outer.args.get("with_") or outer.args.get("with")
        if isinstance(with_, exp.With):
            names |= _earlier_entries(with_, inside, node)
        inside = outer
    return names


def _earlier_entries(with_: exp.With, inside: exp.Expr, node: exp.Expr) -> set[str]:
    entries = list(with_.expressions)
    own = next((index for index, entry in enumerate(entries) if inside is with_ and _contains(entry, node)), None)
    if own is None or with_.args.get("recursive"):
        return {entry.alias.lower() for entry in entries}
    return {entry.alias.lower() for entry in entries[:own]}


def _contains(entry: exp.Expr, node: exp.Expr) -> bool:
    step: exp.Expr | None = node
    while step is not None and step is not entry:
        step = step.parent
    return step is entry


def _reference(node: exp.Table, default_database: str) -> Reference:
    if node.catalog.lower() not in _CATALOGS:
        message = f"Catalog '{node.catalog}' not found: local Athena knows AwsDataCatalog"
        raise QueryFailedError("CATALOG_NOT_FOUND", message, position=position_of(node))
    database = (node.db or default_database).lower()
    if not database:
        message = "Schema must be specified when session schema is not set: name the Database in QueryExecutionContext"
        raise QueryFailedError("MISSING_SCHEMA_NAME", message, position=position_of(node))
    name, _, metadata = node.name.lower().partition("$")
    if metadata and metadata not in METADATA_TABLES:
        message = f"Table 'awsdatacatalog.{database}.{node.name}' does not exist"
        raise QueryFailedError("TABLE_NOT_FOUND", message, position=position_of(node))
    version = node.args.get("version")
    if version is None:
        return Reference(node, database, name, metadata)
    by: Literal["version", "timestamp"] = "timestamp" if str(version.this).upper() == "TIMESTAMP" else "version"
    return Reference(node, database, name, metadata, version.expression, by)


def columns_named(tree: exp.Query, columns: list[str]) -> list[str]:
    """Those of a table's columns that the query may read: all under a star, else whoever's name occurs at all."""
    if any(not isinstance(star.parent, exp.Count) for star in tree.find_all(exp.Star)):
        return columns
    names = {identifier.name.lower() for identifier in tree.find_all(exp.Identifier)}
    return [column for column in columns if column.lower() in names]
