"""Carry one crawl to its end, beside the requests."""

from __future__ import annotations

import asyncio
import logging
from importlib import import_module

from botocore.exceptions import ClientError

from include.local_aws.calls import AwsError, Json
from include.local_aws.core import LocalAws
from include.local_aws.crawlers.catalog import CrawlCatalog
from include.local_aws.crawlers.dynamodb_target import crawl_dynamodb
from include.local_aws.crawlers.runs import Crawl
from include.local_aws.service_roles import take_role

log = logging.getLogger(__name__)
LEAST_SECONDS = 1.0
"""A crawl takes at least this long, so that RUNNING can be seen."""


async def run_crawl(crawler: Json, crawl: Crawl, aws: LocalAws) -> None:
    """Crawl all targets under the crawler's role; the outcome is in `crawl`. Raises nothing but cancellation."""
    try:
        await asyncio.sleep(LEAST_SECONDS)
        done = await _crawl_targets(crawler, aws)
        crawl.created, crawl.updated = done.count("created"), done.count("updated")
        crawl.end("SUCCEEDED", aws.clock.now())
    except asyncio.CancelledError:
        crawl.end("CANCELLED", aws.clock.now())
        raise
    except AwsError as error:
        crawl.end("FAILED", aws.clock.now(), f"{error.code}: {error.message}")
    except ClientError as error:
        crawl.end("FAILED", aws.clock.now(), str(error))
    except Exception as error:
        log.exception("crawl of %s failed", crawl.crawler)
        crawl.end("FAILED", aws.clock.now(), f"Internal Service Exception: {error!r}")


async def _crawl_targets(crawler: Json, aws: LocalAws) -> list[str]:
    settings = aws.settings
    role = take_role(
        str(crawler.get("Role", "")), "AWS-Crawler", "glue.amazonaws.com", settings.account_id, settings.region
    )
    catalog = CrawlCatalog(aws, role.identity, str(crawler.get("DatabaseName", "")))
    await catalog.check_database()
    policy, prefix = crawler.get("SchemaChangePolicy") or {}, str(crawler.get("TablePrefix") or "")
    update = policy.get("UpdateBehavior", "UPDATE_IN_DATABASE") == "UPDATE_IN_DATABASE"
    targets = crawler.get("Targets") or {}
    unknown = [kind for kind, listed in targets.items() if listed and kind not in ("DynamoDBTargets", "IcebergTargets")]
    if unknown:
        raise AwsError(
            "InvalidInputException", f"local Glue crawls DynamoDB and Iceberg targets, not {', '.join(unknown)}"
        )
    done: list[str] = []
    for target in targets.get("DynamoDBTargets") or []:
        done += await crawl_dynamodb(target, prefix, catalog, aws, update=update)
    for target in targets.get("IcebergTargets") or []:
        iceberg = await asyncio.to_thread(import_module, "include.local_aws.crawlers.iceberg_target")  # slow, once
        done += await iceberg.crawl_iceberg(target, prefix, catalog, aws, update=update)
    return done
