"""A crawl's DynamoDB target: read items, infer the schema, write the catalog table."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

from include.local_aws.calls import Json
from include.local_aws.core import LocalAws
from include.local_aws.crawlers.catalog import CrawlCatalog
from include.local_aws.crawlers.inference import infer_columns

_SAMPLE_ITEMS = 1000
_PAGE_ITEMS = 500


async def crawl_dynamodb(target: Json, prefix: str, catalog: CrawlCatalog, aws: LocalAws, *, update: bool) -> list[str]:
    """Create or update the table of one target; returns what was done. Raises AwsError."""
    name = str(target["Path"])
    arn = f"arn:aws:dynamodb:{aws.settings.region}:{aws.settings.account_id}:table/{name}"
    catalog.authorize("dynamodb:DescribeTable", arn)
    table: Json = (await aws.call("DynamoDB_20120810.DescribeTable", {"TableName": name}))["Table"]
    catalog.authorize("dynamodb:Scan", arn)
    catalog.check_table_key(arn)
    scan_all = target.get("scanAll", target.get("ScanAll", True)) is not False
    items = [item async for item in _read_items(name, aws, None if scan_all else _SAMPLE_ITEMS)]
    columns = infer_columns(items) or _key_columns(table)
    definition = _definition(prefix + catalog_name(name), name, arn, table, columns, len(items))
    present = await catalog.table(definition["Name"])
    return [await catalog.put(definition, present, update=update)]


async def _read_items(table: str, aws: LocalAws, most: int | None) -> AsyncIterator[Json]:
    seen, start = 0, None
    while True:
        body: Json = {"TableName": table, "Limit": _PAGE_ITEMS}
        page = await aws.forward("DynamoDB_20120810.Scan", body | ({"ExclusiveStartKey": start} if start else {}))
        for item in page["Items"]:
            yield item
        seen, start = seen + len(page["Items"]), page.get("LastEvaluatedKey")
        if not start or (most is not None and seen >= most):
            return


def catalog_name(path: str) -> str:
    """A table's name as a crawler gives it: lower case, and `_` for what is no letter, digit or underscore."""
    return re.sub(r"[^a-z0-9_]", "_", path.lower())


def _key_columns(table: Json) -> list[dict[str, str]]:
    """An empty table shows its keys only."""
    kinds = {"S": "string", "N": "bigint", "B": "binary"}
    named = {one["AttributeName"]: kinds[one["AttributeType"]] for one in table["AttributeDefinitions"]}
    return [{"Name": key["AttributeName"].lower(), "Type": named[key["AttributeName"]]} for key in table["KeySchema"]]


def _definition(name: str, source: str, arn: str, table: Json, columns: list[dict[str, str]], sampled: int) -> Json:
    count, size = int(table.get("ItemCount", sampled)), int(table.get("TableSizeBytes", 0))
    parameters = {
        "classification": "dynamodb",
        "typeOfData": "table",
        "recordCount": str(count),
        "sizeKey": str(size),
        "averageRecordSize": str(size // count if count else 0),
        "hashKey": next(key["AttributeName"] for key in table["KeySchema"] if key["KeyType"] == "HASH"),
    }
    ranges = [key["AttributeName"] for key in table["KeySchema"] if key["KeyType"] == "RANGE"]
    parameters |= {"rangeKey": ranges[0]} if ranges else {}
    storage = {
        "Columns": columns, "Location": arn, "Compressed": False, "NumberOfBuckets": -1, "SerdeInfo": {"Parameters": {}},
        "BucketColumns": [], "SortColumns": [], "Parameters": parameters, "StoredAsSubDirectories": False,
    }  # fmt: skip
    return {"Name": name, "TableType": "EXTERNAL_TABLE", "StorageDescriptor": storage, "Parameters": parameters}
