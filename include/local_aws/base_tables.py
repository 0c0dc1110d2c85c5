"""Read-only view of the base's tables in memory: the newest image of an item, in the order of the writes.

The base applies a write and answers it in one step of the event loop, so a read made when its answer starts sees
exactly what that write left. Nothing here changes the base's state.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from ministack.services import dynamodb

from include.local_aws.calls import Json

_NO_SORT_KEY = "__no_sort__"


@dataclass(frozen=True)
class BaseTable:
    """A table of the base. `key_names` is the hash key, then the sort key where there is one."""

    name: str
    arn: str
    table_id: str
    key_names: tuple[str, ...]
    items: dict[str, dict[str, Json]]

    def image(self, attributes: Json) -> tuple[bytes, bytes | None]:
        """The key's digest and the item's present image as compact JSON (None: there is no such item)."""
        values = [_key_value(attributes[name]) for name in self.key_names]
        sort_value = values[1] if len(values) == 2 else _NO_SORT_KEY
        item = self.items.get(values[0], {}).get(sort_value)
        return key_digest(values), None if item is None else compact(item)


def find_table(account: str, region: str, name: str) -> BaseTable | None:
    """The table by name or ARN, or None."""
    short, table = _short_name(name), _record(account, region, name)
    if table is None:
        return None
    names = tuple(one for one in (table["pk_name"], table["sk_name"]) if one)
    return BaseTable(short, table["TableArn"], table["TableId"], names, table["items"])


def customer_key(account: str, region: str, name: str) -> str | None:
    """ARN of the customer's KMS key that encrypts a table; None where AWS owns or manages the key."""
    key = ((_record(account, region, name) or {}).get("SSEDescription") or {}).get("KMSMasterKeyArn")
    # The base names the key that AWS manages by its alias.
    return key if key and not key.endswith(":alias/aws/dynamodb") else None


def _short_name(name: str) -> str:
    return name.rpartition("table/")[2].split("/")[0]


def _record(account: str, region: str, name: str) -> dict[str, Any] | None:
    table: dict[str, Any] | None = dynamodb._tables.get_scoped(account, region, _short_name(name))
    return table


def new_stream_records(account: str, region: str, name: str, seen: int) -> tuple[list[Json], int]:
    """Stream records beyond the absolute position `seen`, and the position after them."""
    trimmed: int = dynamodb._stream_trimmed.get_scoped(account, region, name, 0)
    records: list[Json] = dynamodb._stream_records.get_scoped(account, region, name) or []
    end = trimmed + len(records)
    # A position beyond the end is one of an earlier stream, turned off since.
    return records[max(0, seen - trimmed) if seen <= end else 0 :], end


def key_digest(values: list[str]) -> bytes:
    return blake2b(json.dumps(values).encode(), digest_size=16).digest()


def compact(item: Json) -> bytes:
    """Compact JSON; a lone surrogate, which UTF-8 cannot carry, stays escaped."""
    try:
        return json.dumps(item, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(item, separators=(",", ":")).encode()


def _key_value(typed: Json) -> str:
    ((tag, value),) = typed.items()
    if tag == "N":
        return str(canonical_number(value))
    return str(value)


def canonical_number(text: Any) -> str | None:
    """DynamoDB's one spelling of a number, None for what it refuses."""
    found: str | None = dynamodb._ddb_canonicalize_number(text)
    return found
