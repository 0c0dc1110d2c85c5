"""Table versions: the base keeps only the newest, so every write of a table goes through here."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from include.local_aws.calls import AwsError, Call, Handler, Json
from include.local_aws.core import LocalAws
from include.local_aws.crawlers.optimizers import forget_optimizers, tables_with_optimizers

_MOST_LISTED = 100
_Key = tuple[str, str]


@dataclass
class Versions:
    """Archived versions by table, oldest first."""

    archived: dict[_Key, list[Json]] = field(default_factory=dict)


_VERSIONS: WeakKeyDictionary[LocalAws, Versions] = WeakKeyDictionary()


def _archive(aws: LocalAws) -> dict[_Key, list[Json]]:
    return _VERSIONS.setdefault(aws, Versions()).archived


async def update_table(call: Call, aws: LocalAws) -> Json:
    """Update with the base's `VersionId` check; the version before is archived unless `SkipArchive` is set."""
    aws.enforce_own(call)
    key = (str(call.body.get("DatabaseName")), str((call.body.get("TableInput") or {}).get("Name")))
    before = copy.deepcopy(await _table(key, aws))
    answer = await aws.forward(call.target, call.body)
    if not call.body.get("SkipArchive", False):
        _archive(aws).setdefault(key, []).append(before)
    return answer


async def delete_table(call: Call, aws: LocalAws) -> Json:
    aws.enforce_own(call)
    answer = await aws.forward(call.target, call.body)
    key = (str(call.body.get("DatabaseName")), str(call.body.get("Name")))
    _archive(aws).pop(key, None)
    forget_optimizers(aws, *key)
    return answer


async def batch_delete_table(call: Call, aws: LocalAws) -> Json:
    aws.enforce_own(call)
    answer = await aws.forward(call.target, call.body)
    await forget_removed_tables(aws)
    return answer


async def delete_database(call: Call, aws: LocalAws) -> Json:
    """A database takes its tables with it."""
    aws.enforce_own(call)
    answer = await aws.forward(call.target, call.body)
    await forget_removed_tables(aws)
    return answer


async def forget_removed_tables(aws: LocalAws) -> None:
    """What is known of tables that the base no longer has: another table of the name starts anew."""
    for key in {*_archive(aws), *tables_with_optimizers(aws)}:
        try:
            await _table(key, aws)
        except AwsError as error:
            if error.code != "EntityNotFoundException":
                raise
            _archive(aws).pop(key, None)
            forget_optimizers(aws, *key)


async def get_table_versions(call: Call, aws: LocalAws) -> Json:
    """The versions of a table, the newest first."""
    aws.enforce_own(call)
    versions = await _versions(call, aws)
    size, start = int(call.body.get("MaxResults") or _MOST_LISTED), int(call.body.get("NextToken") or 0)
    following = {"NextToken": str(start + size)} if len(versions) > start + size else {}
    return {"TableVersions": versions[start : start + size], **following}


async def get_table_version(call: Call, aws: LocalAws) -> Json:
    """One version; without `VersionId` the newest."""
    aws.enforce_own(call)
    versions, wanted = await _versions(call, aws), call.body.get("VersionId")
    found = next((one for one in versions if wanted is None or one["VersionId"] == str(wanted)), None)
    if found is None:
        raise AwsError(
            "EntityNotFoundException", f"Table version {wanted} of {call.body.get('TableName')} is not found"
        )
    return {"TableVersion": found}


async def _versions(call: Call, aws: LocalAws) -> list[Json]:
    key = (str(call.body.get("DatabaseName")), str(call.body.get("TableName")))
    tables = [await _table(key, aws), *reversed(_archive(aws).get(key, []))]
    return [{"Table": table, "VersionId": table["VersionId"]} for table in tables]


async def _table(key: _Key, aws: LocalAws) -> Json:
    found: Json = (await aws.forward("AWSGlue.GetTable", {"DatabaseName": key[0], "Name": key[1]}))["Table"]
    return found


HANDLERS: dict[str, Handler] = {
    "AWSGlue.UpdateTable": update_table,
    "AWSGlue.DeleteTable": delete_table,
    "AWSGlue.BatchDeleteTable": batch_delete_table,
    "AWSGlue.DeleteDatabase": delete_database,
    "AWSGlue.GetTableVersions": get_table_versions,
    "AWSGlue.GetTableVersion": get_table_version,
}
