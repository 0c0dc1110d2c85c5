"""Glue's operations on crawlers: definitions are the base's, states and crawls are ours."""

from __future__ import annotations

import statistics

from include.local_aws.calls import AwsError, Call, Handler, Json
from include.local_aws.core import LocalAws
from include.local_aws.crawlers.crawling import run_crawl
from include.local_aws.crawlers.runs import Crawl, crawls_of

_MOST_LISTED = 100


async def start_crawler(call: Call, aws: LocalAws) -> Json:
    """Start a crawl; CrawlerRunningException while one is on its way."""
    aws.enforce_own(call)
    crawler, crawls = await _definition(call, aws), crawls_of(aws)
    name = str(crawler["Name"])
    if crawls.running(name):
        raise AwsError("CrawlerRunningException", f"Crawler with name {name} has already started")
    crawl = Crawl(name, aws.clock.now())
    crawls.add(crawl)
    crawl.task = aws.background(run_crawl(crawler, crawl, aws))
    return {}


async def stop_crawler(call: Call, aws: LocalAws) -> Json:
    """Stop the crawl on its way; its LastCrawl is CANCELLED."""
    aws.enforce_own(call)
    name = str((await _definition(call, aws))["Name"])
    crawl = crawls_of(aws).running(name)
    if crawl is None or crawl.task is None:
        raise AwsError("CrawlerNotRunningException", f"Crawler with name {name} isn't running")
    crawl.task.cancel()
    crawl.end("CANCELLED", aws.clock.now())
    return {}


async def get_crawler(call: Call, aws: LocalAws) -> Json:
    aws.enforce_own(call)
    return {"Crawler": _complete(await _definition(call, aws), aws)}


async def get_crawlers(call: Call, aws: LocalAws) -> Json:
    """All crawlers in one page: there are never many here."""
    aws.enforce_own(call)
    answer = await aws.forward("AWSGlue.GetCrawlers", {})
    return {"Crawlers": [_complete(crawler, aws) for crawler in answer["Crawlers"]]}


async def get_crawler_metrics(call: Call, aws: LocalAws) -> Json:
    aws.enforce_own(call)
    known = [str(crawler["Name"]) for crawler in (await aws.forward("AWSGlue.GetCrawlers", {}))["Crawlers"]]
    names = call.body.get("CrawlerNameList") or known
    return {"CrawlerMetricsList": [_metrics(name, aws) for name in names if name in known]}


async def list_crawls(call: Call, aws: LocalAws) -> Json:
    """A crawler's crawls, the newest first."""
    aws.enforce_own(call)
    if call.body.get("Filters"):
        raise AwsError("NotImplementedByLocalAws", "local AWS would not filter: list all crawls, without Filters", 501)
    name = call.body.get("CrawlerName")
    await aws.forward("AWSGlue.GetCrawler", {"Name": name})
    size, start = int(call.body.get("MaxResults") or 20), int(call.body.get("NextToken") or 0)
    if not 1 <= size <= _MOST_LISTED:
        raise AwsError("InvalidInputException", f"MaxResults is {size}: it must be 1 to {_MOST_LISTED}")
    found = crawls_of(aws).of_crawler(str(name))[::-1]
    following = {"NextToken": str(start + size)} if len(found) > start + size else {}
    return {"Crawls": [crawl.as_history() for crawl in found[start : start + size]], **following}


async def delete_crawler(call: Call, aws: LocalAws) -> Json:
    """Refused while a crawl is on its way."""
    aws.enforce_own(call)
    name = str((await _definition(call, aws))["Name"])
    if crawls_of(aws).running(name):
        raise AwsError("CrawlerRunningException", f"Crawler with name {name} is running: stop it first")
    crawls_of(aws).forget(name)
    return await aws.forward(call.target, call.body)


async def create_crawler(call: Call, aws: LocalAws) -> Json:
    aws.enforce_own(call)
    _refuse_schedule(call.body)
    return await aws.forward(call.target, call.body)


def _refuse_schedule(body: Json) -> None:
    if body.get("Schedule"):
        raise AwsError("NotImplementedByLocalAws", "nothing here would start a crawler by its Schedule: start it", 501)


async def update_crawler(call: Call, aws: LocalAws) -> Json:
    """Refused while a crawl is on its way."""
    aws.enforce_own(call)
    _refuse_schedule(call.body)
    if crawls_of(aws).running(str(call.body.get("Name"))):
        raise AwsError(
            "CrawlerRunningException", f"Crawler with name {call.body.get('Name')} is running: wait, or stop it"
        )
    return await aws.forward(call.target, call.body)


async def _definition(call: Call, aws: LocalAws) -> Json:
    found: Json = (await aws.forward("AWSGlue.GetCrawler", {"Name": call.body.get("Name")}))["Crawler"]
    return found


def _complete(crawler: Json, aws: LocalAws) -> Json:
    """The base's definition with the state and the last crawl."""
    crawls, name, now = crawls_of(aws), str(crawler["Name"]), aws.clock.now()
    running, last = crawls.running(name), crawls.last_ended(name)
    state = "READY" if running is None else "STOPPING" if running.ended_at else "RUNNING"
    described: Json = {key: value for key, value in crawler.items() if key != "LastCrawl"}
    described |= {"State": state, "CrawlElapsedTime": int(running.seconds(now) * 1000) if running else 0}
    return described | ({"LastCrawl": last.as_last_crawl()} if last else {})


def _metrics(name: str, aws: LocalAws) -> Json:
    crawls, now = crawls_of(aws).of_crawler(name), aws.clock.now()
    times = [crawl.seconds(now) for crawl in crawls if crawl.ended_at is not None]
    return {
        "CrawlerName": name, "TimeLeftSeconds": 0.0, "StillEstimating": crawls_of(aws).running(name) is not None,
        "LastRuntimeSeconds": times[-1] if times else 0.0, "MedianRuntimeSeconds": statistics.median(times) if times else 0.0,
        "TablesCreated": sum(one.created for one in crawls), "TablesUpdated": sum(one.updated for one in crawls), "TablesDeleted": 0,
    }  # fmt: skip


HANDLERS: dict[str, Handler] = {
    "AWSGlue.StartCrawler": start_crawler,
    "AWSGlue.StopCrawler": stop_crawler,
    "AWSGlue.GetCrawler": get_crawler,
    "AWSGlue.GetCrawlers": get_crawlers,
    "AWSGlue.GetCrawlerMetrics": get_crawler_metrics,
    "AWSGlue.ListCrawls": list_crawls,
    "AWSGlue.CreateCrawler": create_crawler,
    "AWSGlue.DeleteCrawler": delete_crawler,
    "AWSGlue.UpdateCrawler": update_crawler,
}
