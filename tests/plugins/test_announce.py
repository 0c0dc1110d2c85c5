"""Announce: what the asset event tells, and when there is nothing to tell."""

from __future__ import annotations

import json
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException
from lake_airflow.costs import Usage, estimate_cost, read_prices
from lake_airflow.pipelines import Lake
from lake_airflow.steps.announce import announce, build_asset, event_key
from lake_airflow.xcoms import CHECK_CONTRACT, FINISH, GLUE_JOB

from include.dynamo_lake.names import PUBLISHED_KEY, report_key
from include.dynamo_lake.published import Published
from include.dynamo_lake.reports import WriteTimes
from tests.plugins.batches import finished, put_exports, report_of, told_plan
from tests.plugins.fakes import FakeClients, context_of


class Outlets(dict[Any, Any]):
    def __missing__(self, asset: Any) -> Any:
        return self.setdefault(asset, SimpleNamespace(extra=None))


def merged(clients: FakeClients, context: dict[str, Any]) -> None:
    batch_id = context["ti"].xcoms["merge.build_batch", "batch"]["batch_id"]
    clients.s3.objects[report_key(batch_id)] = report_of(batch_id)


def test_the_event_tells_windows_completeness_lag_bytes_and_cost(
    clients: FakeClients, lake: Lake, pipeline: str
) -> None:
    put_exports(clients, lake, records=0)
    done, context = finished(clients, lake, pipeline)
    merged(clients, context)
    context["ti"].xcoms |= {
        (FINISH, "return_value"): done,
        (CHECK_CONTRACT, "return_value"): ["attribute mood is new"],
        ("verify.a", "return_value"): 12,
        ("crawl", "return_value"): "c",
    }
    outlets = Outlets()
    extra = announce(
        pipeline, ("verify.a", "verify.b"), ("crawl", "crawl_skipped"), {**context, "outlet_events": outlets}
    )
    assert outlets[build_asset(lake)].extra == extra
    assert extra["windows"] == ["[2026-11-24T01:00:00Z, 2026-11-24T02:00:00Z)"]
    assert (extra["complete_through"], extra["lag_s"]) == ("2026-11-24T02:00:00Z", 3)
    assert extra["bytes"] == {"exported": 5_000_000 * len(lake.sources), "written": 0, "scanned": 12}
    assert extra["cost_usd"]["exports"] == "0.0020"
    assert extra["cost_usd"]["crawls"] == "0.1467"
    assert extra["contract_warnings"] == ["attribute mood is new"]
    batch_id = extra["batch_id"]
    assert json.loads(clients.s3.objects[event_key(batch_id)]) == extra
    (line,) = clients.logs.messages[lake.settings.run_log, batch_id]
    assert json.loads(line)["LagHours"] == round(3 / 3600, 3)


@pytest.mark.parametrize(("started", "count"), [("2026-11-24T02:00:02.999Z", 0), ("2026-11-24T02:00:03.001Z", 1)])
def test_the_cost_has_the_exports_that_the_run_started_alone(
    clients: FakeClients, lake: Lake, pipeline: str, started: str, count: int
) -> None:
    put_exports(clients, lake, records=0, startTime=started)
    done, context = finished(clients, lake, pipeline)
    context["ti"].xcoms[FINISH, "return_value"] = done
    extra = announce(pipeline, (), (), {**context, "outlet_events": Outlets()})
    assert extra["bytes"]["exported"] == 5_000_000 * len(lake.sources) * count
    assert Decimal(extra["cost_usd"]["exports"]) == Decimal("0.0010") * len(lake.sources) * count


def test_the_minimum_of_an_incremental_export_is_none_of_a_full_one() -> None:
    prices = {**read_prices(), "export_full_per_gb": Decimal("0.2")}
    assert estimate_cost(Usage((), 0.0, 0, (), (1_000_000,)), prices)["exports"] == "0.0002"
    assert estimate_cost(Usage((1_000_000,), 0.0, 0, ()), prices)["exports"] == "0.0010"


def test_the_event_tells_how_long_changes_took_and_how_many_files_were_put_aside(
    clients: FakeClients, lake: Lake, pipeline: str
) -> None:
    put_exports(clients, lake, records=0)
    done, context = finished(clients, lake, pipeline)
    context["ti"].xcoms[FINISH, "return_value"] = done
    batch = context["ti"].xcoms["merge.build_batch", "batch"]
    batch["foreign"] = [["inbox/a", "why"], ["inbox/b", "why"]]
    written = WriteTimes(100, oldest="2026-11-24T01:50:00Z", p95="2026-11-24T01:58:00Z", median="2026-11-24T01:59:30Z")
    report = report_of(batch["batch_id"], written=written, set_aside={"inbox/x": "why"})
    clients.s3.objects[report_key(batch["batch_id"])] = report
    record = Published(1, "s3://x", 4, 1, "u", batch["batch_id"], "2026-11-24T02:00:00Z")
    clients.s3.objects[PUBLISHED_KEY] = record.to_json().encode()
    extra = announce(pipeline, (), (), {**context, "outlet_events": Outlets()})
    assert extra["latency_s"] == {"p50": 30, "p95": 120, "max": 600}
    assert extra["rejected_files"] == 3


def test_a_cleared_run_without_a_merge_of_its_own_has_no_cost_of_the_first_pass(
    clients: FakeClients, lake: Lake, pipeline: str
) -> None:
    put_exports(clients, lake, records=0)
    done, context = finished(clients, lake, pipeline)
    clients.glue.runs = [{"Id": "jr", "JobRunState": "SUCCEEDED", "DPUSeconds": 3600.0}]
    told_before = {(GLUE_JOB, "return_value"): "jr", ("verify.a", "return_value"): 12}
    context["ti"].xcoms |= {(FINISH, "return_value"): done, **told_before}
    arguments = (pipeline, ("verify.a",), (), {**context, "outlet_events": Outlets()})
    extra = announce(*arguments)
    assert (extra["bytes"]["scanned"], extra["cost_usd"]["merge"]) == (0, "0.0000")
    merged(clients, context)
    extra = announce(*arguments)
    assert (extra["bytes"]["scanned"], extra["cost_usd"]["merge"]) != (0, "0.0000")


def test_a_run_that_had_nothing_due_tells_nothing(clients: FakeClients, lake: Lake, pipeline: str) -> None:
    context = context_of(plan=told_plan(items=()), batch={"batch_id": "b", "foreign": []})
    with pytest.raises(AirflowSkipException):
        announce(pipeline, (), (), context)


@pytest.mark.parametrize(
    ("told", "foreign"),
    [
        ({"notes": ["a message is foreign"]}, []),
        ({"contract_warnings": ["a stream is off"]}, []),
        ({}, [["inbox/x", "why"]]),
    ],
)
def test_a_run_that_only_put_something_aside_or_warns_tells_it(
    clients: FakeClients, lake: Lake, pipeline: str, told: dict[str, Any], foreign: list[list[str]]
) -> None:
    put_exports(clients, lake, records=0)
    done, context = finished(clients, lake, pipeline)
    context["ti"].xcoms[FINISH, "return_value"] = done
    context["ti"].xcoms["plan", "plan"] = {**told_plan(items=()), **told}
    context["ti"].xcoms["merge.build_batch", "batch"]["foreign"] = foreign
    extra = announce(pipeline, (), (), {**context, "outlet_events": Outlets()})
    assert (extra["notes"], extra["contract_warnings"]) == (told.get("notes", []), told.get("contract_warnings", []))
    assert extra["rejected_files"] == len(foreign)
