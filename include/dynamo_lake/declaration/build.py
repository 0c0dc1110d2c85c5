"""Build the dataclasses from a table that has passed validation."""

from __future__ import annotations

from typing import Any, Literal

from include.dynamo_lake.declaration import model

DEFAULT_ACCEPT = {"string": ("S",), "timestamp": ("S", "N"), "decimal": ("S", "N"), "int": ()}


def build_pipeline(name: str, table: dict[str, Any]) -> model.Pipeline:
    """Build a pipeline from a validated declaration."""
    return model.Pipeline(
        name=name,
        title=table["title"],
        description=table["description"],
        owner=table["owner"],
        schedule=model.Schedule(**table["schedule"]),
        sources=tuple(_build_source(source_id, source) for source_id, source in table["sources"].items()),
        target=_build_target(table["target"]),
        lookup=_build_lookup(table["lookup"]) if table["lookup"] else None,
        checks=model.Checks(**{**table["checks"], "run": tuple(table["checks"]["run"])}),
        crawl=model.Crawl(**table["crawl"]),
        retention=model.Retention(**table["retention"]),
        inbox=model.Inbox(**table["inbox"]),
    )


def parse_attribute(path: str) -> model.Attribute:
    """``name`` or ``list[].name``."""
    outer, separator, inner = path.partition("[].")
    return model.Attribute(outer, inner) if separator else model.Attribute(None, path)


def _build_source(source_id: str, table: dict[str, Any]) -> model.Source:
    key = tuple(model.KeyAttribute(**attribute) for attribute in table["key"])
    return model.Source(id=source_id, table=table["table"], key=key, day=table["day"])


def _build_target(table: dict[str, Any]) -> model.Target:
    columns = tuple(_build_column(column) for column in table["columns"])
    return model.Target(**{**table, "row_key": tuple(table["row_key"]), "columns": columns})


def _build_column(table: dict[str, Any]) -> model.Column:
    origin: Literal["item", "position", "lookup"] = "lookup" if table["lookup"] else "item"
    path = table["lookup"] or table["from"]
    if path.endswith("[#]"):
        origin = "position"
    return model.Column(
        name=table["name"],
        type=table["type"].replace(" ", ""),
        origin=origin,
        attribute=None if origin == "position" else parse_attribute(path),
        accept=tuple(table["accept"] or DEFAULT_ACCEPT[table["type"].partition("(")[0]]),
        required=table["required"],
        on_error=table["on_error"],
    )


def _build_lookup(table: dict[str, Any]) -> model.Lookup:
    on = tuple(
        model.LookupMatch(target=match["target"], lookup=parse_attribute(match["lookup"])) for match in table["on"]
    )
    return model.Lookup(source=table["source"], list=table["list"], on=on)
