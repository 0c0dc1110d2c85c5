"""The rules of [target]: its table, columns, partition and row key."""

from __future__ import annotations

from collections.abc import Iterator

from include.dynamo_lake.declaration.build import parse_attribute
from include.dynamo_lake.declaration.columns import Table, column_of
from include.dynamo_lake.errors import Mistake
from include.dynamo_lake.names import QUARANTINE_TABLE, mirror_table


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


def _positions(table: Table) -> Iterator[Mistake]:
    target = table["target"]
    positions = [column for column in target["columns"] if str(column["from"]).endswith("[#]")]
    if len(positions) != 1:
        yield Mistake(
            "target.columns", f"{len(positions)} position columns", f"Declare one column from {target['list']}[#]"
        )


def _partition(table: Table) -> Iterator[Mistake]:
    target = table["target"]
    column = column_of(target, target["partition"])
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
    missing = [name for name in target["row_key"] if column_of(target, name) is None]
    if missing:
        yield Mistake("target.row_key", f"no column {', '.join(missing)}", "Name declared columns")
        return
    source = table["sources"].get(target["source"], {"key": []})
    needed = {attribute["name"] for attribute in source["key"]} | {f"{target['list']}[#]"}
    named = {column_of(target, name)["from"] for name in target["row_key"]}  # type: ignore[index]
    if named != needed:
        yield Mistake("target.row_key", "does not name one row", f"It is the columns from {', '.join(sorted(needed))}")


def _source_days(table: Table) -> Iterator[Mistake]:
    target = table["target"]
    source = table["sources"].get(target["source"])
    column = column_of(target, target["partition"])
    if source and column and source["day"] != column["from"]:
        yield Mistake(
            f"sources.{target['source']}.day",
            f"{source['day']!r} is not the partition's attribute",
            f"Write {column['from']!r}",
        )


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


def _key_column(table: Table, attribute: Table, path: str) -> Iterator[Mistake]:
    target = table["target"]
    columns = [column for column in target["columns"] if column.get("from") == attribute["name"]]
    if not columns:
        return
    # Other columns may show the attribute as something else, such as the partition's time.
    column = next((column for column in columns if column.get("name") in target["row_key"]), columns[0])
    path = f"{path}.{column['name']}"
    if column.get("required") is False:
        yield Mistake(f"{path}.required", "a key column is never null", "Write required = true")
    if attribute["type"] == "N" and not column["type"].startswith("decimal"):
        yield Mistake(f"{path}.type", "a number key as " + column["type"], "Declare decimal(38,0) or the like")
    if attribute["type"] == "S" and column["type"] != "string":
        yield Mistake(f"{path}.type", "a string key as " + column["type"], "Declare string")


RULES = (_target_table, _names, _positions, _partition, _row_key, _source_days)
# For each column.
COLUMN_RULES = (_origin, _column_type, _required)
# For each attribute of the main source's key.
KEY_RULE = _key_column
