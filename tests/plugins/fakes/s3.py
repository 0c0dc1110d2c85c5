"""Objects by key, with the conditions of their puts."""

# ruff: noqa: N803 - arguments are named as boto3 names them

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from tests.plugins.fakes.answers import DATE, NOW, Meta, Pages, refusal


@dataclass
class FakeS3:
    """Objects by key. ``before_put`` is called once before the next put: the place of a rival. ``stuck``: objects that cannot
    be copied, with the code of the refusal.
    """

    objects: dict[str, bytes] = field(default_factory=dict)
    before_put: list[Callable[[], None]] = field(default_factory=list)
    stuck: dict[str, str] = field(default_factory=dict)
    date: dict[str, Any] = field(default_factory=lambda: DATE)
    meta = Meta()

    def etag(self, key: str) -> str:
        return f'"{hash(self.objects[key])}"'

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        if Key not in self.objects:
            raise refusal("NoSuchKey")
        return {"Body": io.BytesIO(self.objects[Key]), "ETag": self.etag(Key), **self.date}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, **condition: Any) -> None:
        if self.before_put:
            self.before_put.pop()()
        if condition.get("IfNoneMatch") == "*" and Key in self.objects:
            raise refusal("PreconditionFailed")
        if "IfMatch" in condition and (Key not in self.objects or condition["IfMatch"] != self.etag(Key)):
            raise refusal("PreconditionFailed")
        self.objects[Key] = Body

    def copy_object(self, *, Bucket: str, Key: str, CopySource: dict[str, str]) -> None:
        if CopySource["Key"] not in self.objects:
            raise refusal("NoSuchKey")
        if CopySource["Key"] in self.stuck:
            raise refusal(self.stuck[CopySource["Key"]])
        self.objects[Key] = self.objects[CopySource["Key"]]

    def delete_objects(self, *, Bucket: str, Delete: dict[str, Any]) -> dict[str, Any]:
        assert len(Delete["Objects"]) <= 1000
        for named in Delete["Objects"]:
            self.objects.pop(named["Key"], None)
        return {}

    def head_bucket(self, *, Bucket: str) -> dict[str, Any]:
        return dict(self.date)

    def list_objects_v2(self, *, Bucket: str, Prefix: str, Delimiter: str = "") -> dict[str, Any]:
        keys = sorted(key for key in self.objects if key.startswith(Prefix))
        if not Delimiter:
            return {"Contents": [self._listed(key) for key in keys]}
        folders = {Prefix + key.removeprefix(Prefix).split("/")[0] + "/" for key in keys}
        return {"CommonPrefixes": [{"Prefix": folder} for folder in sorted(folders)]}

    def _listed(self, key: str) -> dict[str, Any]:
        """An entry of a listing; objects are a second apart in the order in which they were put."""
        written = NOW + timedelta(seconds=list(self.objects).index(key))
        return {"Key": key, "Size": len(self.objects[key]), "ETag": self.etag(key), "LastModified": written}

    def get_paginator(self, operation: str) -> Pages:
        assert operation == "list_objects_v2"
        return Pages(self.list_objects_v2)
