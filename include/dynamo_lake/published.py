"""The published record: which snapshot readers see."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from include.dynamo_lake.errors import OtherVersionError
from include.dynamo_lake.names import PUBLISHED_KEY


@dataclass(frozen=True)
class Published:
    """The snapshot that readers see. ``table_uuid`` tells a table that was made anew from the one before it."""

    snapshot_id: int
    metadata_location: str
    derived_through: int
    sequence_number: int
    table_uuid: str
    batch_id: str
    published_at: str

    def to_json(self) -> str:
        return json.dumps({"version": 1, **asdict(self)}, indent=1)

    @staticmethod
    def from_json(text: str | bytes) -> Published:
        value: dict[str, Any] = json.loads(text)
        if value.pop("version", None) != 1:
            raise OtherVersionError(
                f"{PUBLISHED_KEY} has a version that this code does not read: deploy the code that wrote it"
            )
        return Published(**value)
