"""The rules between fields: what a declaration may not say although each field alone is well-formed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from include.dynamo_lake.declaration.build import DEFAULT_ACCEPT, parse_attribute
from include.dynamo_lake.declaration.cron import cron_problem
from include.dynamo_lake.erasure import least_erase_days
from include.dynamo_lake.errors import Mistake
from include.dynamo_lake.names import QUARANTINE_TABLE, mirror_table

Table = dict[str, Any]


def rule_mistakes(table: Table) -> list[Mistake]:
    """Every broken rule between the fields of a declaration. Where a field is missing or wrong, only the rule that needs it is left
    out, and of rules for each column, source or match only that one's.
    """
    rules = (
        _schedule,
        _tables,
        _main_source,
        _target_table,
        _names,
        _positions,
        _partition,
        _row_key,
        _lookup_source,
        _lookup_key,
        _unused_sources,
        _source_days,
        _retention,
    )
    broken = [mistake for rule in rules for mistake in _broken(rule, table)]
    for rule, path, entries in _repeated_rules(table):
        for name, entry in entries:
            broken += _broken(rule, table, entry, path.format(name))
    return broken


def _repeated_rules(table: Table) -> Iterator[tuple[Callable[..., Iterator[Mistake]], str, list[tuple[Any, Table]]]]:
    """Rules for one entry each, the path of an entry, and the entries with what stands for them in the path."""
    target = table.get("target", {})
    columns = list(enumerate(target.get("columns", ())))
    for rule in (_origin, _column_type, _required):
        yield rule, "target.columns[{}]", columns
    yield _key, "sources.{}.key", list(table.get("sources", {}).items())
    main = table.get("sources", {}).get(target.get("source"), {})
    yield _key_column, "target.columns", list(enumerate(main.get("key", ())))
    yield _match, "lookup.on[{}]", list(enumerate((table.get("lookup") or {}).get("on", ())))


def _broken(rule: Callable[..., Iterator[Mistake]], *arguments: Any) -> list[Mistake]:
    found: list[Mistake] = []
    with suppress(KeyError):  # validation has told of that field already; what the rule found before stays
        found.extend(rule(*arguments))
    return found


def _schedule(table: Table) -> Iterator[Mistake]:
    for name in ("cron", "reconcile"):
        expression = table["schedule"].get(name)
        problem = cron_problem(expression) if expression else None
        if problem:
            yield Mistake(
                f"schedule.{name}", problem, "Write minute, hour, day of month, month, day of week as numbers"
            )


def _key(table: Table, source: Table, path: str) -> Iterator[Mistake]:
    names = [attribute["name"] for attribute in source["key"]]
    if len(names) > 2 or len(set(names)) < len(names):
        yield Mistake(path, f"{names} is no DynamoDB key", "A key has one or two different attributes")


def _tables(table: Table) -> Iterator[Mistake]:
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


def _target_table(table: Table) -> Iterator[Mistake]:
    name = table["target"]["table"]
    if name in {QUARANTINE_TABLE, *map(mirror_table, table["sources"])}:
        yield Mistake("target.table", f"{name!r} is one of the lake's own tables", "Give the target another name")


def _names(table: Table) -> Iterator[Mistake]:
    seen: set[str] = set()
    for index, column in enumerate(table["target"]["columns"]):
        name = column.get("name")
        if name in seen:
            yield Mistake(f"target.columns[{index}].name", f"{name!r} is declared twice", "Name every column once")
        seen |= {name} if name else set()


def _origin(table: Table, column: Table, path: str) -> Iterator[Mistake]:
    if (column["from"] is None) == (column["lookup"] is None):
        yield Mistake(path, "needs exactly one of from and lookup", "Say where its value stands")
    elif column["from"] is not None:
        yield from _from_path(column, table["target"]["list"], path)
    elif not table["lookup"]:
        yield Mistake(f"{path}.lookup", "there is no [lookup]", "Declare [lookup], or take the value with from")
    elif parse_attribute(column["lookup"]).list not in (None, table["lookup"]["list"]):
        yield Mistake(
            f"{path}.lookup",
            "names another list than lookup.list",
            f"Only {table['lookup']['list']}[] is looked up",
        )
    elif column["required"]:
        yield Mistake(f"{path}.required", "a looked-up column is null where there is no match", "Leave required out")


def _positions(table: Table) -> Iterator[Mistake]:
    target = table["target"]
    positions = [column for column in target["columns"] if str(column["from"]).endswith("[#]")]
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


def _column_type(table: Table, column: Table, path: str) -> Iterator[Mistake]:
    if column["type"].startswith("decimal"):
        precision, scale = column["type"][8:-1].split(",")
        if int(scale) > int(precision):
            yield Mistake(f"{path}.type", "scale above precision", "Write decimal(p,s) with s at most p")
    if column["type"] == "string" and "N" in (column.get("accept") or ()):
        yield Mistake(f"{path}.accept", "a string column takes S only", "Leave accept out, or declare a decimal")
    if str(column["from"]).endswith("[#]") != (column["type"] == "int"):
        yield Mistake(
            f"{path}.type",
            f"{column['type']} from {column['from']}",
            "int is the type of the position, and of it alone",
        )


def _required(table: Table, column: Table, path: str) -> Iterator[Mistake]:
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


def _key_column(table: Table, attribute: Table, path: str) -> Iterator[Mistake]:
    column = next((c for c in table["target"]["columns"] if c.get("from") == attribute["name"]), None)
    if column is None:
        return
    path = f"{path}.{column['name']}"
    if column.get("required") is False:
        yield Mistake(f"{path}.required", "a key column is never null", "Write required = true")
    if attribute["type"] == "N" and not column["type"].startswith("decimal"):
        yield Mistake(f"{path}.type", "a number key as " + column["type"], "Declare decimal(38,0) or the like")
    if attribute["type"] == "S" and column["type"] != "string":
        yield Mistake(f"{path}.type", "a string key as " + column["type"], "Declare string")


def _lookup_source(table: Table) -> Iterator[Mistake]:
    lookup = table["lookup"]
    if not lookup:
        return
    if lookup["source"] not in table["sources"]:
        yield Mistake("lookup.source", f"{lookup['source']!r} is not declared", f"Declare [sources.{lookup['source']}]")
    if lookup["source"] == table["target"]["source"]:
        yield Mistake("lookup.source", "a lookup in the main source itself", "Look up in another source")


def _match(table: Table, match: Table, path: str) -> Iterator[Mistake]:
    lookup = table["lookup"]
    if "list" in lookup and parse_attribute(match["lookup"]).list not in (None, lookup["list"]):
        yield Mistake(f"{path}.lookup", "names another list than lookup.list", f"Take {lookup['list']}[].<attribute>")
    column = _column(table["target"], match["target"])
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
    return next((column for column in target["columns"] if column.get("name") == name), None)
