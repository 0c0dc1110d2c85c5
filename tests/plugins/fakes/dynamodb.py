"""Point-in-time recovery, keys and streams of tables, and exports."""

# ruff: noqa: N803 - arguments are named as boto3 names them

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.plugins.fakes.answers import DATE, Meta, refusal


@dataclass
class FakeDynamoDB:
    """Tables with point-in-time recovery, and exports by ARN; ``refuse`` names the error of the next export."""

    recovery: dict[str, dict[str, Any]] = field(default_factory=dict)
    keys: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    streams: dict[str, dict[str, Any]] = field(default_factory=dict)
    exports: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[dict[str, Any]] = field(default_factory=list)
    refuse: str = ""
    date: dict[str, Any] = field(default_factory=lambda: DATE)
    meta = Meta()

    def describe_continuous_backups(self, *, TableName: str) -> dict[str, Any]:
        if TableName not in self.recovery:
            raise refusal("TableNotFoundException", TableName)
        return {
            "ContinuousBackupsDescription": {"PointInTimeRecoveryDescription": self.recovery[TableName]},
            **self.date,
        }

    def describe_table(self, *, TableName: str) -> dict[str, Any]:
        key = self.keys[TableName]
        schema = [
            {"AttributeName": name, "KeyType": kind} for (name, _), kind in zip(key, ("HASH", "RANGE"), strict=False)
        ]
        types = [{"AttributeName": name, "AttributeType": kind} for name, kind in key]
        stream = self.streams.get(TableName, {})
        return {"Table": {"TableName": TableName, "KeySchema": schema, "AttributeDefinitions": types, **stream}}

    def describe_export(self, *, ExportArn: str) -> dict[str, Any]:
        if ExportArn not in self.exports:
            raise refusal("ExportNotFoundException")
        return {"ExportDescription": self.exports[ExportArn]}

    def export_table_to_point_in_time(self, **request: Any) -> dict[str, Any]:
        self.requests.append(request)
        if self.refuse:
            raise refusal(self.refuse)
        for export in self.exports.values():
            if export.get("ClientToken") == request["ClientToken"]:
                return {"ExportDescription": export}
        arn = f"{request['TableArn']}/export/{len(self.exports):04d}"
        token = request["ClientToken"]
        self.exports[arn] = {"ExportArn": arn, "ExportStatus": "IN_PROGRESS", "ClientToken": token}
        return {"ExportDescription": self.exports[arn]}
