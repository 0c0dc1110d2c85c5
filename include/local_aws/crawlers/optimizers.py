"""Table optimizers: kept as configured, never run. Local AWS has no service that maintains tables by itself."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from include.local_aws.calls import AwsError, Call, Handler, Json
from include.local_aws.core import LocalAws

_TYPES = ("compaction", "retention", "orphan_file_deletion")
_Key = tuple[str, str, str]
_OPTIMIZERS: WeakKeyDictionary[LocalAws, dict[_Key, Json]] = WeakKeyDictionary()


def _store(aws: LocalAws) -> dict[_Key, Json]:
    return _OPTIMIZERS.setdefault(aws, {})


def forget_optimizers(aws: LocalAws, database: str, table: str) -> None:
    """A deleted table loses its optimizers."""
    for kind in _TYPES:
        _store(aws).pop((database, table, kind), None)


def tables_with_optimizers(aws: LocalAws) -> set[tuple[str, str]]:
    """Database and name of every table that has one."""
    return {(database, table) for database, table, _ in _store(aws)}


async def create_table_optimizer(call: Call, aws: LocalAws) -> Json:
    """Refused while the table does not exist, for a second one of its type, and for one that would run."""
    aws.enforce_own(call)
    key = _key(call.body)
    await aws.forward("AWSGlue.GetTable", {"DatabaseName": key[0], "Name": key[1]})
    if key in _store(aws):
        raise AwsError("AlreadyExistsException", f"Table {key[1]} has a {key[2]} optimizer already")
    _store(aws)[key] = _configuration(call.body)
    return {}


async def update_table_optimizer(call: Call, aws: LocalAws) -> Json:
    aws.enforce_own(call)
    _found(call, aws)
    _store(aws)[_key(call.body)] = _configuration(call.body)
    return {}


async def delete_table_optimizer(call: Call, aws: LocalAws) -> Json:
    aws.enforce_own(call)
    _found(call, aws)
    del _store(aws)[_key(call.body)]
    return {}


async def get_table_optimizer(call: Call, aws: LocalAws) -> Json:
    aws.enforce_own(call)
    database, table, kind = _key(call.body)
    optimizer = _described(kind, _found(call, aws))
    return {"CatalogId": call.account, "DatabaseName": database, "TableName": table, "TableOptimizer": optimizer}


async def batch_get_table_optimizer(call: Call, aws: LocalAws) -> Json:
    """Optimizers of several tables; those that are missing come back as failures."""
    aws.enforce_own(call)
    found, failures = [], []
    for entry in call.body.get("Entries") or []:
        database, table, kind = entry.get("databaseName", ""), entry.get("tableName", ""), entry.get("type", "")
        named = {"catalogId": call.account, "databaseName": database, "tableName": table}
        configuration = _store(aws).get((database, table, kind))
        if configuration is None:
            detail = {"ErrorCode": "EntityNotFoundException", "ErrorMessage": f"Table {table} has no {kind} optimizer"}
            failures.append({"error": detail, **named, "type": kind})
        else:
            found.append({**named, "tableOptimizer": _described(kind, configuration)})
    return {"TableOptimizers": found, "Failures": failures}


def _key(body: Json) -> _Key:
    kind = str(body.get("Type", ""))
    if kind not in _TYPES:
        raise AwsError("InvalidInputException", f"{kind!r} is no optimizer: choose one of {', '.join(_TYPES)}")
    return str(body.get("DatabaseName", "")), str(body.get("TableName", "")), kind


def _configuration(body: Json) -> Json:
    configuration: Json = body.get("TableOptimizerConfiguration") or {}
    if configuration.get("enabled", False):
        raise AwsError("NotImplementedByLocalAws", "local AWS runs no table optimizer: set enabled to false", 501)
    return configuration


def _found(call: Call, aws: LocalAws) -> Json:
    key = _key(call.body)
    if key not in _store(aws):
        raise AwsError("EntityNotFoundException", f"Table {key[1]} has no {key[2]} optimizer")
    return _store(aws)[key]


def _described(kind: str, configuration: Json) -> Json:
    return {"type": kind, "configuration": configuration}


HANDLERS: dict[str, Handler] = {
    "AWSGlue.CreateTableOptimizer": create_table_optimizer,
    "AWSGlue.UpdateTableOptimizer": update_table_optimizer,
    "AWSGlue.DeleteTableOptimizer": delete_table_optimizer,
    "AWSGlue.GetTableOptimizer": get_table_optimizer,
    "AWSGlue.BatchGetTableOptimizer": batch_get_table_optimizer,
}
