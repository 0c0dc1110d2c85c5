"""The Glue catalog as a query sees it, read with the rights of the query's caller."""

from __future__ import annotations

from include.local_aws.athena.errors import QueryFailedError
from include.local_aws.calls import AwsError, Call, Json
from include.local_aws.core import LocalAws


class Catalog:
    """Databases and tables; every read is authorized on the catalog, the database and the table, as Glue does."""

    def __init__(self, call: Call, aws: LocalAws) -> None:
        self._call = call
        self._aws = aws

    async def databases(self) -> list[str]:
        self._authorize("glue:GetDatabases", "catalog")
        answer = await self._aws.forward("AWSGlue.GetDatabases", {})
        return sorted(str(one["Name"]) for one in answer["DatabaseList"])

    async def tables(self, database: str) -> list[Json]:
        """All tables of a database. Raises QueryFailedError when there is no such database."""
        await self._check_database(database, None)
        self._authorize("glue:GetTables", "catalog", f"database/{database}", f"table/{database}/*")
        answer = await self._aws.forward("AWSGlue.GetTables", {"DatabaseName": database})
        return sorted(answer["TableList"], key=lambda one: str(one["Name"]))

    async def table(self, database: str, name: str, position: tuple[int, int] | None = None) -> Json:
        """One table. Raises QueryFailedError (TABLE_NOT_FOUND, SCHEMA_NOT_FOUND, PERMISSION_DENIED)."""
        await self._check_database(database, position)
        self._authorize("glue:GetTable", "catalog", f"database/{database}", f"table/{database}/{name}")
        try:
            table: Json = (await self._aws.forward("AWSGlue.GetTable", {"DatabaseName": database, "Name": name}))[
                "Table"
            ]
        except AwsError as error:
            message = f"Table 'awsdatacatalog.{database}.{name}' does not exist"
            raise QueryFailedError("TABLE_NOT_FOUND", message, position=position) from error
        return table

    async def _check_database(self, database: str, position: tuple[int, int] | None) -> None:
        self._authorize("glue:GetDatabase", "catalog", f"database/{database}")
        try:
            await self._aws.forward("AWSGlue.GetDatabase", {"Name": database})
        except AwsError as error:
            raise QueryFailedError(
                "SCHEMA_NOT_FOUND", f"Schema '{database}' does not exist", position=position
            ) from error

    def _authorize(self, action: str, *resources: str) -> None:
        for resource in resources:
            authorize(
                self._call, self._aws, action, f"arn:aws:glue:{self._call.region}:{self._call.account}:{resource}"
            )


def authorize(call: Call, aws: LocalAws, action: str, arn: str) -> None:
    """Let the query go on only if its caller may do this. Raises QueryFailedError."""
    try:
        aws.authorize(call, action, arn)
    except AwsError as error:
        raise QueryFailedError(
            "PERMISSION_DENIED", f"Insufficient permissions to execute the query. {error.message}"
        ) from error


def metadata_location(table: Json, position: tuple[int, int] | None = None) -> str:
    """Where an Iceberg table's metadata is. Raises QueryFailedError for any other kind of table."""
    parameters = table.get("Parameters") or {}
    if str(parameters.get("table_type", "")).upper() != "ICEBERG":
        what = f"{table['DatabaseName']}.{table['Name']}"
        kind = parameters.get("classification") or table.get("TableType") or "unknown"
        message = f"local Athena reads Iceberg tables only, and {what} is {kind}"
        raise QueryFailedError("NOT_SUPPORTED", message, position=position)
    location = parameters.get("metadata_location")
    if not location:
        raise QueryFailedError(
            "ICEBERG_INVALID_METADATA", f"Table is missing [metadata_location] property: {table['Name']}"
        )
    return str(location)
