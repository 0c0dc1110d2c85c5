"""The fields of a declaration: the one list that validation, the JSON Schema and the documentation are made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from include.dynamo_lake.erasure import least_erase_days

_REQUIRED = object()

NAME = r"[a-z][a-z0-9_]{0,59}"
ATTRIBUTE = r"[^\[\].#`\"\s]+"
CRON = r"\S+(?: \S+){4}"
PATH = rf"{ATTRIBUTE}|{ATTRIBUTE}\[\]\.{ATTRIBUTE}"
# What a path that reaches deeper meets; said where it stands instead of the field's own words.
ONE_LEVEL = (
    "One list level is flattened, and no maps within: take `attribute` or `list[].attribute`, and go further in a view over "
    "the target"
)
COLUMN_TYPE = r"string|timestamp|int|decimal\((?:[1-9]|[12][0-9]|3[0-8]),(?:[0-9]|[12][0-9]|3[0-8])\)"


@dataclass(frozen=True)
class Field:
    """One field: ``kind`` is a Python type, a list of one field kind, or a nested table of fields.

    ``remedy`` is what a value that does not match ``pattern`` is told; by default ``doc``.
    """

    kind: Any
    doc: str
    default: Any = _REQUIRED
    pattern: str | None = None
    remedy: str | None = None
    choices: tuple[str, ...] | None = None
    minimum: float | None = None
    maximum: float | None = None

    @property
    def is_required(self) -> bool:
        return self.default is _REQUIRED


@dataclass(frozen=True)
class ListOf:
    """A list of tables or of scalars, at least ``at_least`` long."""

    item: Any
    at_least: int = 0


@dataclass(frozen=True)
class MapOf:
    """A table whose keys are free names and whose values are tables of fields."""

    item: dict[str, Field]
    pattern: str


KEY_ATTRIBUTE = {
    "name": Field(str, "The key attribute's name in DynamoDB.", pattern=ATTRIBUTE),
    "type": Field(str, "Its DynamoDB type.", choices=("S", "N")),
}
SOURCE = {
    "table": Field(str, "The DynamoDB table's name.", pattern=r"[a-zA-Z0-9_.-]{3,255}"),
    "key": Field(ListOf(KEY_ATTRIBUTE, at_least=1), "Partition key, then sort key where there is one."),
    "day": Field(str, "The attribute whose UTC day places an item in the mirror.", default=None, pattern=ATTRIBUTE),
}
COLUMN = {
    "name": Field(str, "The column's name.", pattern=NAME),
    "type": Field(str, "string, timestamp, decimal(p,s), or int for the position in the list.", pattern=COLUMN_TYPE),
    "from": Field(
        str,
        "Where the value stands: `attribute`, `list[].attribute`, or `list[#]` for the position in the list.",
        default=None,
        pattern=rf"{PATH}|{ATTRIBUTE}\[#\]",
        remedy=ONE_LEVEL,
    ),
    "lookup": Field(
        str,
        "Instead of `from`: the looked-up attribute, `list[].attribute`.",
        default=None,
        pattern=PATH,
        remedy=ONE_LEVEL,
    ),
    "accept": Field(
        ListOf(Field(str, "A DynamoDB tag.", choices=("S", "N")), at_least=1),
        "The DynamoDB tags taken; by default S for string, S and N for timestamp and decimal.",
        default=None,
    ),
    "required": Field(bool, "Null is refused (the item goes to quarantine).", default=False),
    "on_error": Field(
        str,
        "What a value that cannot be typed does: quarantine its item, or become null and be counted.",
        default="quarantine",
        choices=("quarantine", "null"),
    ),
}
MATCH = {
    "target": Field(str, "The target's column.", pattern=NAME),
    "lookup": Field(str, "The attribute of the lookup source that it equals.", pattern=PATH, remedy=ONE_LEVEL),
}
DECLARATION: dict[str, Field] = {
    "title": Field(str, "What the table is, in a few words."),
    "description": Field(str, "One or two sentences for the people who meet the DAGs.", default=""),
    "owner": Field(str, "Who answers for the pipeline; the DAGs' owner."),
    "schedule": Field(
        {
            "mode": Field(str, "What starts runs.", default="hourly", choices=("hourly", "on_change", "both")),
            "cron": Field(str, "When the scheduled run looks.", default="0 * * * *", pattern=CRON),
            "reconcile": Field(
                str, "When the mirrors are compared with the tables; left out: on demand.", default=None, pattern=CRON
            ),
        },
        "When runs start.",
        default={},
    ),
    "sources": Field(MapOf(SOURCE, pattern=NAME), "The DynamoDB tables that are read, by id."),
    "target": Field(
        {
            "table": Field(str, "The target table's name.", pattern=NAME),
            "source": Field(str, "The id of the main source.", pattern=NAME),
            "list": Field(str, "The list attribute whose entries become rows.", pattern=ATTRIBUTE, remedy=ONE_LEVEL),
            "partition": Field(str, "The timestamp column whose UTC day partitions the table.", pattern=NAME),
            "row_key": Field(
                ListOf(Field(str, "A column.", pattern=NAME), at_least=1), "The columns that name one row."
            ),
            "columns": Field(ListOf(COLUMN, at_least=1), "The target's columns, in order."),
        },
        "The flattened table.",
    ),
    "lookup": Field(
        {
            "source": Field(str, "The id of the lookup source.", pattern=NAME),
            "list": Field(str, "The list attribute whose entries are looked up.", pattern=ATTRIBUTE, remedy=ONE_LEVEL),
            "on": Field(ListOf(MATCH, at_least=1), "The equalities of the join."),
        },
        "Where looked-up columns come from.",
        default=None,
    ),
    "checks": Field(
        {
            "run": Field(
                ListOf(Field(str, "A check.", choices=("row_key_unique", "key_not_null", "rows_match_list"))),
                "The checks that a snapshot must pass before readers see it.",
                default=["row_key_unique", "key_not_null", "rows_match_list"],
            ),
            "max_quarantined_share": Field(
                float,
                "The share of one source's live items in quarantine above which a run fails.",
                default=0.05,
                minimum=0,
                maximum=1,
            ),
            "min_quarantined_items": Field(
                int, "Below this count of one source the share is not looked at.", default=100, minimum=0
            ),
        },
        "What a snapshot must pass before readers see it.",
        default={},
    ),
    "crawl": Field(
        {"policy": Field(str, "How often crawlers run.", default="daily", choices=("daily", "every_run"))},
        "When crawlers run.",
        default={},
    ),
    "retention": Field(
        {
            "time_travel_days": Field(int, "How long readers can query the past.", default=7, minimum=1, maximum=365),
            "erase_within_days": Field(
                int,
                "When the last copy of a deleted item is gone.",
                default=45,
                minimum=least_erase_days(1),
                maximum=3650,
            ),
        },
        "How long things are kept.",
        default={},
    ),
    "inbox": Field(
        {
            "max_run_mib": Field(
                int, "How much one run takes from the inbox, in MiB.", default=256, minimum=1, maximum=100_000
            )
        },
        "How much one event-driven run takes.",
        default={},
    ),
}
