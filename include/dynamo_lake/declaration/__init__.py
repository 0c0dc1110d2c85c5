"""Declarations: the TOML file that says what one pipeline reads and writes."""

from include.dynamo_lake.declaration.model import (
    Attribute,
    Checks,
    Column,
    Crawl,
    Inbox,
    KeyAttribute,
    Lookup,
    LookupMatch,
    Pipeline,
    Retention,
    Schedule,
    Source,
    Target,
)
from include.dynamo_lake.declaration.read import parse_declaration, pipeline_names, read_declaration

__all__ = [
    "Attribute",
    "Checks",
    "Column",
    "Crawl",
    "Inbox",
    "KeyAttribute",
    "Lookup",
    "LookupMatch",
    "Pipeline",
    "Retention",
    "Schedule",
    "Source",
    "Target",
    "parse_declaration",
    "pipeline_names",
    "read_declaration",
]
