"""What a crawl may write to the Glue catalog, under the crawler's role."""

from __future__ import annotations

from include.local_aws.calls import AwsError, Identity, Json
from include.local_aws.core import LocalAws
from include.local_aws.table_keys import check_table_key

_KEPT = ("Description", "Owner", "PartitionKeys", "ViewOriginalText", "ViewExpandedText")


class CrawlCatalog:
    """Reads and writes tables of one database as the crawler's role; every call is authorized on all three ARNs."""

    def __init__(self, aws: LocalAws, identity: Identity, database: str) -> None:
        self._aws = aws
        self._identity = identity
        self._database = database

    def authorize(self, action: str, arn: str, context: Json | None = None) -> None:
        """Raises AwsError (AccessDeniedException) when the role may not do this; `context`: condition keys."""
        self._aws.authorize_identity(self._identity, action, arn, context=context)

    def check_table_key(self, arn: str) -> None:
        """Raises AwsError (AccessDeniedException) when the role may not read under the table's key."""
        check_table_key(self._aws, self._identity, arn, self._aws.settings.region)

    async def check_database(self) -> None:
        """Raises AwsError when the database is missing or may not be read."""
        self._authorize_catalog("glue:GetDatabase")
        await self._aws.forward("AWSGlue.GetDatabase", {"Name": self._database})

    async def table(self, name: str) -> Json | None:
        self._authorize_catalog("glue:GetTable", name)
        try:
            found: Json = (await self._aws.forward("AWSGlue.GetTable", {"DatabaseName": self._database, "Name": name}))[
                "Table"
            ]
        except AwsError as error:
            if error.code == "EntityNotFoundException":
                return None
            raise
        return found

    async def put(self, definition: Json, present: Json | None, *, update: bool) -> str:
        """Create the table, or update it where it differs; returns `created`, `updated` or ``."""
        name = str(definition["Name"])
        if present is None:
            self._authorize_catalog("glue:CreateTable", name)
            await self._aws.forward("AWSGlue.CreateTable", {"DatabaseName": self._database, "TableInput": definition})
            return "created"
        if not update or all(present.get(field) == value for field, value in definition.items()):
            return ""
        self._authorize_catalog("glue:UpdateTable", name)
        kept = {field: present[field] for field in _KEPT if present.get(field)}
        body: Json = {
            "DatabaseName": self._database,
            "TableInput": {**kept, **definition},
            "VersionId": present["VersionId"],
        }
        await self._aws.call("AWSGlue.UpdateTable", body)
        return "updated"

    def _authorize_catalog(self, action: str, table: str | None = None) -> None:
        root = f"arn:aws:glue:{self._aws.settings.region}:{self._aws.settings.account_id}"
        arns = [f"{root}:catalog", f"{root}:database/{self._database}"]
        for arn in [*arns, *([f"{root}:table/{self._database}/{table}"] if table else [])]:
            self.authorize(action, arn)
