"""The rules of [lookup]: its source, and what finds one entry for a row."""

from __future__ import annotations

from collections.abc import Iterator

from include.dynamo_lake.declaration.build import DEFAULT_ACCEPT, parse_attribute
from include.dynamo_lake.declaration.columns import Table, column_of
from include.dynamo_lake.errors import Mistake


def _lookup_source(table: Table) -> Iterator[Mistake]:
    lookup = table["lookup"]
    if not lookup:
        return
    if lookup["source"] not in table["sources"]:
        yield Mistake("lookup.source", f"{lookup['source']!r} is not declared", f"Declare [sources.{lookup['source']}]")
    if lookup["source"] == table["target"]["source"]:
        yield Mistake("lookup.source", "a lookup in the main source itself", "Look up in another source")


def _lookup_key(table: Table) -> Iterator[Mistake]:
    lookup = table["lookup"]
    if not lookup or lookup["source"] not in table["sources"]:
        return
    matched = {match["lookup"] for match in lookup["on"]}
    key = {attribute["name"] for attribute in table["sources"][lookup["source"]]["key"]}
    item_level = {path for path in matched if parse_attribute(path).list is None}
    if item_level != key or item_level == matched:
        wanted = f"every key attribute ({', '.join(sorted(key))}) and at least one {lookup['list']}[].<attribute>"
        yield Mistake("lookup.on", "does not find one entry", f"Match {wanted}")


def _targets(table: Table) -> Iterator[Mistake]:
    targets = [match["target"] for match in table["lookup"]["on"]] if table["lookup"] else []
    for name in sorted({name for name in targets if targets.count(name) > 1}):
        yield Mistake("lookup.on", f"{name!r} is matched twice", "Match every column once")


def _match(table: Table, match: Table, path: str) -> Iterator[Mistake]:
    lookup = table["lookup"]
    if "list" in lookup and parse_attribute(match["lookup"]).list not in (None, lookup["list"]):
        yield Mistake(f"{path}.lookup", "names another list than lookup.list", f"Take {lookup['list']}[].<attribute>")
    column = column_of(table["target"], match["target"])
    if column is None:
        yield Mistake(f"{path}.target", f"no column {match['target']!r}", "Name a declared column")
    elif column["lookup"]:
        yield Mistake(
            f"{path}.target",
            f"{match['target']} is itself looked up: a lookup of a lookup",
            "Match on columns of the item or its entry, and join further in a view over the target",
        )
    elif column["type"] == "int":
        yield Mistake(
            f"{path}.target",
            f"{match['target']!r} is the position in the list, which is no value of the item",
            "Match on a column from the item or its entry",
        )
    elif not column["required"]:
        yield Mistake(f"{path}.target", f"{match['target']} may be null", "Match on required columns")
    elif _never_matches(table, column, match):
        yield Mistake(
            f"{path}.target",
            f"{match['target']} is a {column['type']}, {match['lookup']} another kind of key: no lookup item could be typed",
            "Match a string with an S key, a decimal with an N key",
        )


def _never_matches(table: Table, column: Table, match: Table) -> bool:
    key = table["sources"].get(table["lookup"]["source"], {}).get("key", [])
    kind = next((attribute["type"] for attribute in key if attribute.get("name") == match["lookup"]), None)
    taken = column["accept"] or DEFAULT_ACCEPT[column["type"].partition("(")[0]]
    return kind is not None and kind not in taken


RULES = (_lookup_source, _lookup_key, _targets)
# For each match of ``lookup.on``.
MATCH_RULE = _match
