"""Check source tables that a stack adopts. They are read, never altered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.deploy.environments import cli_options
from include.dynamo_lake.errors import TerminalError

if TYPE_CHECKING:
    import boto3
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import KeySchemaElementTypeDef, TableDescriptionTypeDef
    from types_boto3_kms import KMSClient


@dataclass(frozen=True)
class SourceAccount:
    """Where the tables are; ``options`` are what the AWS CLI needs besides to act there."""

    dynamodb: DynamoDBClient
    kms: KMSClient
    options: str = ""


def source_account(session: boto3.Session) -> SourceAccount:
    return SourceAccount(session.client("dynamodb"), session.client("kms"), cli_options(session))


@dataclass(frozen=True)
class TableKey:
    """A table and its key as declared: ``(attribute name, S or N)``, hash key first."""

    table: str
    key: tuple[tuple[str, str], ...]


class SourceTableError(TerminalError):
    """Source tables cannot be used as asked; carries every finding, each with its remedy."""

    def __init__(self, findings: tuple[str, ...]) -> None:
        self.findings = findings
        super().__init__("source tables:\n" + "\n".join(f"  - {finding}" for finding in findings))


def resolve_adoption(
    source: SourceAccount, tables: tuple[TableKey, ...], told: bool | None, present: Mapping[str, str], kept: bool
) -> bool:
    """Whether the stack uses tables that it does not make: as told, else as the stack has it (``present``: its parameters).

    A new stack over what an earlier one left (``kept``) uses that one's tables: a table is never taken into a stack.

    Raises:
        SourceTableError: the tables cannot be used so, or are in the way.
    """
    adopts = told if told is not None else present.get("CreateTables") == "false"
    adopts = adopts or (told is None and kept and any(_exists(source.dynamodb, one.table) for one in tables))
    if adopts:
        check_adoptable(source, tables)
    elif present.get("CreateTables") != "true":
        check_creatable(source, tables)
    return adopts


def check_adoptable(source: SourceAccount, tables: Iterable[TableKey]) -> None:
    """Read key, stream and point-in-time recovery of each table.

    Raises:
        SourceTableError: with every finding and the exact command that mends it.
    """
    findings = tuple(finding for table in tables for finding in _findings(source, table))
    if findings:
        raise SourceTableError(findings)


def check_creatable(source: SourceAccount, tables: Iterable[TableKey]) -> None:
    """Check that no table is there already: a stack does not take over what it did not create.

    Raises:
        SourceTableError: naming each table that exists.
    """
    findings = tuple(
        f"{declared.table}: it exists and is not the stack's; say adopt_tables = true to use it as it is"
        for declared in tables
        if _exists(source.dynamodb, declared.table)
    )
    if findings:
        raise SourceTableError(findings)


def read_stream_arns(source: SourceAccount, tables: Iterable[TableKey]) -> dict[str, str]:
    """ARN of the present stream by table, of the tables that exist.

    Raises:
        SourceTableError: naming each table whose stream is off or shows no new images, with the command that mends it.
    """
    described = [
        source.dynamodb.describe_table(TableName=one.table)["Table"]
        for one in tables
        if _exists(source.dynamodb, one.table)
    ]
    findings = tuple(finding for table in described for finding in _stream_findings(source, table))
    if findings:
        raise SourceTableError(findings)
    return {table["TableName"]: table["LatestStreamArn"] for table in described}


def read_key_arns(source: SourceAccount, tables: Iterable[TableKey]) -> dict[str, str]:
    """ARN of the customer's KMS key by table, of the tables that exist and have one: KMS asks for whoever reads them."""
    keys = {one.table: _key_arn(source, one.table) for one in tables if _exists(source.dynamodb, one.table)}
    return {table: key for table, key in keys.items() if key is not None}


def _key_arn(source: SourceAccount, table: str) -> str | None:
    key = source.dynamodb.describe_table(TableName=table)["Table"].get("SSEDescription", {}).get("KMSMasterKeyArn")
    if key is None or key.endswith(":alias/aws/dynamodb"):  # as local AWS names the key that AWS manages
        return None
    manager = source.kms.describe_key(KeyId=key)["KeyMetadata"]["KeyManager"]
    return key if manager == "CUSTOMER" else None


def _exists(dynamodb: DynamoDBClient, table: str) -> bool:
    try:
        dynamodb.describe_table(TableName=table)
    except dynamodb.exceptions.ResourceNotFoundException:
        return False
    return True


def _findings(source: SourceAccount, declared: TableKey) -> list[str]:
    name = declared.table
    try:
        table = source.dynamodb.describe_table(TableName=name)["Table"]
    except source.dynamodb.exceptions.ResourceNotFoundException:
        return [f"{name}: there is no such table; name it right in the declaration, or let the stack create it"]
    findings = []
    types = {attribute["AttributeName"]: attribute["AttributeType"] for attribute in table["AttributeDefinitions"]}
    key = tuple((part["AttributeName"], types[part["AttributeName"]]) for part in _hash_first(table["KeySchema"]))
    if key != declared.key:
        findings.append(f"{name}: its key is {_spell(key)}, declared is {_spell(declared.key)}; mend the declaration")
    findings += _stream_findings(source, table)
    backups = source.dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    if backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus") != "ENABLED":
        findings.append(
            f"{name}: point-in-time recovery is off; run `aws dynamodb update-continuous-backups --table-name {name} "
            f"--point-in-time-recovery-specification PointInTimeRecoveryEnabled=true{source.options}`"
        )
    return findings


def _stream_findings(source: SourceAccount, table: TableDescriptionTypeDef) -> list[str]:
    name, stream = table["TableName"], table.get("StreamSpecification")
    command = f"aws dynamodb update-table --table-name {name} --stream-specification StreamEnabled"
    if stream is None or not stream["StreamEnabled"]:
        return [f"{name}: it has no stream; run `{command}=true,StreamViewType=NEW_IMAGE{source.options}`"]
    if stream.get("StreamViewType") not in ("NEW_IMAGE", "NEW_AND_OLD_IMAGES"):
        return [
            f"{name}: its stream shows {stream.get('StreamViewType')}, which has no new image; tell its readers (the "
            f"stream's ARN changes), then run `{command}=false{source.options}` and, once the table is ACTIVE, "
            f"`{command}=true,StreamViewType=NEW_AND_OLD_IMAGES{source.options}`"
        ]
    return []


def _hash_first(schema: list[KeySchemaElementTypeDef]) -> list[KeySchemaElementTypeDef]:
    return sorted(schema, key=lambda part: part["KeyType"] != "HASH")


def _spell(key: tuple[tuple[str, str], ...]) -> str:
    return " + ".join(f"{name} ({kind})" for name, kind in key)
