"""The rules between fields: what a declaration may not say although each field alone is well-formed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from include.dynamo_lake.declaration.build import parse_attribute
from include.dynamo_lake.declaration.cron import cron_problem
from include.dynamo_lake.erasure import least_erase_days
from include.dynamo_lake.errors import Mistake

Table = dict[str, Any]


def rule_mistakes(table: Table) -> list[Mistake]:
    """Every broken rule between the fields of a declaration; a rule that needs a field which is missing or wrong is left out."""
    rules = (
        _schedule,
        _sources,
        _main_source,
        _columns,
        _column_types,
        _partition,
        _row_key,
        _lookup,
        _unused_sources,
        _source_days,
        _retention,
    )
    return [mistake for rule in rules for mistake in _broken(rule, table)]


def _broken(rule: Callable[[Table], Iterator[Mistake]], table: Table) -> list[Mistake]:
    try:
        return list(rule(table))
    except KeyError:  # validation has told of that field already
        return []


def _schedule(table: Table) -> Iterator[Mistake]:
    problem = cron_problem(table["schedule"]["cron"])
    if problem:
        yield Mistake("schedule.cron", problem, "Write minute, hour, day of month, month, day of week as numbers")


def _sources(table: Table) -> Iterator[Mistake]:
    for source_id, source in table["sources"].items():
        names = [attribute["name"] for attribute in source["key"]]
        if len(names) > 2 or len(set(names)) < len(names):
            yield Mistake(
                f"sources.{source_id}.key", f"{names} is no DynamoDB key", "A key has one or two different attributes"
            )
    tables = [source["table"] for source in table["sources"].values()]
    if len(set(tables)) < len(tables):
        yield Mistake("sources", "one table is declared twice", "Declare each DynamoDB table once")


def _main_source(table: Table) -> Iterator[Mistake]:
    if table["target"]["source"] not in table["sources"]:
        yield Mistake(
            "target.source",
            f"{table['target']['source']!r} is not declared",
            f"Declare [sources.{table['target']['source']}]",
        )


def _columns(table: Table) -> Iterator[Mistake]:
    target = table["target"]
    seen: set[str] = set()
    for index, column in enumerate(target["columns"]):
        path = f"target.columns[{index}]"
        if column["name"] in seen:
            yield Mistake(f"{path}.name", f"{column['name']!r} is declared twice", "Name every column once")
        seen.add(column["name"])
        if (column["from"] is None) == (column["lookup"] is None):
            yield Mistake(path, "needs exactly one of from and lookup", "Say where its value stands")
        elif column["from"] is not None:
            yield from _from_path(column, target["list"], path)
        elif not table["lookup"]:
            yield Mistake(f"{path}.lookup", "there is no [lookup]", "Declare [lookup], or take the value with from")
        elif parse_attribute(column["lookup"]).list not in (None, table["lookup"]["list"]):
            yield Mistake(
                f"{path}.lookup",
                "names another list than lookup.list",
                f"Only {table['lookup']['list']}[] is looked up",
            )
        elif column["required"]:
            yield Mistake(
                f"{path}.required", "a looked-up column is null where there is no match", "Leave required out"
            )
    positions = [column["name"] for column in target["columns"] if str(column["from"]).endswith("[#]")]
    if len(positions) != 1:
        yield Mistake(
            "target.columns", f"{len(positions)} position columns", f"Declare one column from {target['list']}[#]"
        )


def _from_path(column: Table, list_name: str, path: str) -> Iterator[Mistake]:
    source = column["from"]
    named = source.removesuffix("[#]") if source.endswith("[#]") else parse_attribute(source).list
    if named not in (None, list_name):
        yield Mistake(
            f"{path}.from", f"names the list {named!r}", f"One list level is flattened: target.list, {list_name!r}"
        )


def _column_types(table: Table) -> Iterator[Mistake]:
    for index, column in enumerate(table["target"]["columns"]):
        path = f"target.columns[{index}]"
        is_position = str(column["from"]).endswith("[#]")
        if is_position != (column["type"] == "int"):
            yield Mistake(
                f"{path}.type",
                f"{column['type']} from {column['from']}",
                "int is the type of the position, and of it alone",
            )
        if column["type"].startswith("decimal"):
            precision, scale = column["type"][8:-1].split(",")
            if int(scale) > int(precision):
                yield Mistake(f"{path}.type", "scale above precision", "Write decimal(p,s) with s at most p")
        if column["type"] == "string" and column["accept"] and "N" in column["accept"]:
            yield Mistake(f"{path}.accept", "a string column takes S only", "Leave accept out, or declare a decimal")
        if column["required"] and column["on_error"] == "null":
            yield Mistake(
                f"{path}.on_error", "a required column cannot become null", "Leave one of required and on_error out"
            )


def _partition(table: Table) -> Iterator[Mistake]:
    target = table["target"]
    column = _column(target, target["partition"])
    if column is None:
        yield Mistake("target.partition", f"no column {target['partition']!r}", "Name a declared column")
    elif (
        column["type"] != "timestamp"
        or not column["required"]
        or not column["from"]
        or parse_attribute(column["from"]).list
    ):
        yield Mistake(
            "target.partition", f"{column['name']} cannot partition", "Take a required timestamp of the item itself"
        )


def _row_key(table: Table) -> Iterator[Mistake]:
    target = table["target"]
    missing = [name for name in target["row_key"] if _column(target, name) is None]
    if missing:
        yield Mistake("target.row_key", f"no column {', '.join(missing)}", "Name declared columns")
        return
    source = table["sources"].get(target["source"], {"key": []})
    needed = {attribute["name"] for attribute in source["key"]} | {f"{target['list']}[#]"}
    named = {_column(target, name)["from"] for name in target["row_key"]}  # type: ignore[index]
    if named != needed:
        yield Mistake("target.row_key", "does not name one row", f"It is the columns from {', '.join(sorted(needed))}")
    yield from _key_columns(table, source)


def _key_columns(table: Table, source: Table) -> Iterator[Mistake]:
    for attribute in source["key"]:
        column = next((c for c in table["target"]["columns"] if c["from"] == attribute["name"]), None)
        if column is not None and not column["required"]:
            yield Mistake(
                f"target.columns.{column['name']}.required", "a key column is never null", "Write required = true"
            )
        if column is not None and attribute["type"] == "N" and not column["type"].startswith("decimal"):
            yield Mistake(
                f"target.columns.{column['name']}.type",
                "a number key as " + column["type"],
                "Declare decimal(38,0) or the like",
            )
        if column is not None and attribute["type"] == "S" and column["type"] != "string":
            yield Mistake(
                f"target.columns.{column['name']}.type", "a string key as " + column["type"], "Declare string"
            )


def _lookup(table: Table) -> Iterator[Mistake]:
    lookup = table["lookup"]
    if not lookup:
        return
    if lookup["source"] not in table["sources"]:
        yield Mistake("lookup.source", f"{lookup['source']!r} is not declared", f"Declare [sources.{lookup['source']}]")
        return
    if lookup["source"] == table["target"]["source"]:
        yield Mistake("lookup.source", "a lookup in the main source itself", "Look up in another source")
    for index, match in enumerate(lookup["on"]):
        column = _column(table["target"], match["target"])
        if column is None:
            yield Mistake(f"lookup.on[{index}].target", f"no column {match['target']!r}", "Name a declared column")
        elif column["lookup"]:
            yield Mistake(
                f"lookup.on[{index}].target",
                f"{match['target']} is itself looked up: a lookup of a lookup",
                "Match on columns of the item or its entry, and join further in a view over the target",
            )
        elif column["type"] == "int":
            yield Mistake(
                f"lookup.on[{index}].target",
                f"{match['target']!r} is the position in the list, which is no value of the item",
                "Match on a column from the item or its entry",
            )
        elif not column["required"]:
            yield Mistake(f"lookup.on[{index}].target", f"{match['target']} may be null", "Match on required columns")
        if parse_attribute(match["lookup"]).list not in (None, lookup["list"]):
            yield Mistake(
                f"lookup.on[{index}].lookup",
                "names another list than lookup.list",
                f"Take {lookup['list']}[].<attribute>",
            )
    yield from _lookup_key(table, lookup)


def _lookup_key(table: Table, lookup: Table) -> Iterator[Mistake]:
    matched = {match["lookup"] for match in lookup["on"]}
    key = {attribute["name"] for attribute in table["sources"][lookup["source"]]["key"]}
    item_level = {path for path in matched if parse_attribute(path).list is None}
    if item_level != key or item_level == matched:
        wanted = f"every key attribute ({', '.join(sorted(key))}) and at least one {lookup['list']}[].<attribute>"
        yield Mistake("lookup.on", "does not find one entry", f"Match {wanted}")


def _unused_sources(table: Table) -> Iterator[Mistake]:
    used = {table["target"]["source"], (table["lookup"] or {}).get("source")}
    for source_id in table["sources"].keys() - used:
        yield Mistake(
            f"sources.{source_id}", "is neither the main nor the lookup source", "Remove it: a pipeline has one of each"
        )


def _source_days(table: Table) -> Iterator[Mistake]:
    target = table["target"]
    source = table["sources"].get(target["source"])
    column = _column(target, target["partition"])
    if source and column and source["day"] != column["from"]:
        yield Mistake(
            f"sources.{target['source']}.day",
            f"{source['day']!r} is not the partition's attribute",
            f"Write {column['from']!r}",
        )


def _retention(table: Table) -> Iterator[Mistake]:
    declared = table["retention"]
    least = least_erase_days(declared["time_travel_days"])
    if declared["erase_within_days"] < least:
        yield Mistake(
            "retention.erase_within_days",
            f"{declared['erase_within_days']} days are fewer than the last copy of a deleted item takes to go",
            f"Write at least {least}, or fewer time_travel_days (docs/erasure.md adds them up)",
        )


def _column(target: Table, name: str) -> Table | None:
    return next((column for column in target["columns"] if column["name"] == name), None)
