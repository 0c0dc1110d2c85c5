"""Carry one query execution from QUEUED to its end, beside the requests."""

from __future__ import annotations

import asyncio
import logging
import time
from importlib import import_module
from pathlib import Path

import pyarrow as pa

from include.local_aws import root_clients
from include.local_aws.athena.catalog import Catalog, authorize, metadata_location
from include.local_aws.athena.catalog_statements import answer_statement, information_schema
from include.local_aws.athena.dialect import check_functions
from include.local_aws.athena.errors import QueryCancelledError, QueryFailedError, position_of
from include.local_aws.athena.executions import Execution
from include.local_aws.athena.present import with_present
from include.local_aws.athena.references import Reference, find_references
from include.local_aws.athena.results import ResultSet, spool_rows
from include.local_aws.athena.statements import refuse
from include.local_aws.core import LocalAws

log = logging.getLogger(__name__)
_AT_ONCE = asyncio.Semaphore(4)
"""Queries that run side by side; the others stay QUEUED."""


async def run_execution(execution: Execution, aws: LocalAws) -> None:
    """Run to SUCCEEDED, FAILED or CANCELLED; never raises."""
    await _wait_in_queue(execution)
    async with _AT_ONCE:
        if execution.is_over:
            return
        execution.state, execution.started_at = "RUNNING", aws.clock.now()
        try:
            if execution.fault is not None and execution.fault.ends:
                raise QueryFailedError(execution.fault.code, execution.fault.message, category=1)
            result = await _answer(execution, aws)
            await _store(execution, aws, result)
        except QueryFailedError as error:
            execution.fail(error, aws.clock.now())
        except QueryCancelledError as error:
            execution.finish("CANCELLED", aws.clock.now(), str(error))
        except Exception as error:
            log.exception("query %s failed", execution.id)
            failure = QueryFailedError("GENERIC_INTERNAL_ERROR", f"local Athena failed: {error!r}", category=1)
            execution.fail(failure, aws.clock.now())
        else:
            execution.result = result
            execution.finish("SUCCEEDED", aws.clock.now())
        finally:
            execution.run = None


async def _wait_in_queue(execution: Execution) -> None:
    """QUEUED, as long as the query's fault says and nobody stops it."""
    deadline = time.monotonic() + (execution.fault.waits_s if execution.fault else 0)
    while time.monotonic() < deadline and not execution.is_over:
        await asyncio.sleep(0.1)


async def _answer(execution: Execution, aws: LocalAws) -> ResultSet:
    statement, folder = execution.statement, _folder(execution, aws)
    if statement.kind == "query":
        return await _query(execution, aws, folder)
    if statement.kind == "catalog":
        catalog = Catalog(execution.call, aws)
        columns, rows = await answer_statement(statement.sql, execution.database, catalog)
        folder.mkdir(parents=True, exist_ok=True)
        return spool_rows(iter(rows), columns, folder / "rows.jsonl", with_header=False)
    raise refuse(statement)


async def _query(execution: Execution, aws: LocalAws, folder: Path) -> ResultSet:
    tree = execution.statement.tree
    if tree is None:
        raise refuse(execution.statement)
    check_functions(execution.statement.filled, tree)
    tree = with_present(tree, aws.clock.now())
    references = find_references(tree, execution.database)
    sources = {id(reference.node): await _source(reference, execution, aws) for reference in references}
    engine = await asyncio.to_thread(import_module, "include.local_aws.athena.engine")  # a second of imports, once
    execution.run = engine.QueryRun(tree, references, sources, aws.settings, folder, aws.clock)
    try:
        result: ResultSet = await asyncio.to_thread(execution.run.run, execution.cutoff_bytes)
    finally:
        execution.bytes_scanned = execution.run.bytes_scanned
    return result


async def _source(reference: Reference, execution: Execution, aws: LocalAws) -> str | pa.Table:
    catalog, position = Catalog(execution.call, aws), position_of(reference.node)
    if reference.is_information_schema:
        return await information_schema(reference.table, execution.database, catalog, position)
    table = await catalog.table(reference.database, reference.table, position)
    location = metadata_location(table, position)
    authorize(execution.call, aws, "s3:GetObject", _object_arn(location))
    data = str((table.get("StorageDescriptor") or {}).get("Location") or location.rpartition("/metadata/")[0])
    authorize(execution.call, aws, "s3:GetObject", f"{_object_arn(data.rstrip('/'))}/data/00000.parquet")
    return location


async def _store(execution: Execution, aws: LocalAws, result: ResultSet) -> None:
    """Leave the result where the workgroup says, as the caller may."""
    location = execution.output_location
    bucket, _, key = location.removeprefix("s3://").partition("/")
    authorize(execution.call, aws, "s3:GetBucketLocation", f"arn:aws:s3:::{bucket}")
    authorize(execution.call, aws, "s3:PutObject", _object_arn(location))
    path = _folder(execution, aws) / "result"
    encryption = {"SSE_S3": "AES256", "SSE_KMS": "aws:kms"}.get(str(execution.encryption.get("EncryptionOption")))
    extra = {"ServerSideEncryption": encryption} if encryption else {}
    if encryption == "aws:kms" and execution.encryption.get("KmsKey"):
        extra["SSEKMSKeyId"] = str(execution.encryption["KmsKey"])
    try:
        await asyncio.to_thread(_upload, aws, result, path, bucket, key, extra)
    except root_clients.ClientError as error:
        message = f"Unable to verify/create output bucket {bucket}: {error}"
        raise QueryFailedError("INVALID_OUTPUT_LOCATION", message) from error


def _upload(aws: LocalAws, result: ResultSet, path: Path, bucket: str, key: str, extra: dict[str, str]) -> None:
    result.write_csv(path)
    try:
        root_clients.client(aws.settings, "s3").upload_file(str(path), bucket, key, ExtraArgs=extra)
    except root_clients.UploadFailed as error:
        raise QueryFailedError(
            "INVALID_OUTPUT_LOCATION", f"Unable to write the result to s3://{bucket}/{key}: {error}"
        ) from error
    finally:
        path.unlink(missing_ok=True)


def _folder(execution: Execution, aws: LocalAws) -> Path:
    return aws.settings.data_dir / "athena" / execution.id


def _object_arn(location: str) -> str:
    return f"arn:aws:s3:::{location.removeprefix('s3://').removeprefix('s3a://')}"
