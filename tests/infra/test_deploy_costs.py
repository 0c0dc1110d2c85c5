"""The costs in docs/deploy.md are its arithmetic, at the prices of the code."""

from __future__ import annotations

from decimal import Decimal

import pytest
from lake_airflow.costs import Usage, estimate_cost, read_prices

from include.dynamo_lake.declaration import read_declaration
from include.dynamo_lake.erasure import export_days, noncurrent_days
from tests.infra.deploy_docs import TEXT
from tests.infra.template import PARAMETERS, Rendered

PIPELINE = read_declaration("campaign")
_KEPT = (PIPELINE.retention.time_travel_days, PIPELINE.retention.erase_within_days)
RETENTION_DAYS = export_days(*_KEPT) + noncurrent_days(*_KEPT)
HOURS, CRAWLERS, CHECKS = 730, 3, 4
MB = 10**6
ON_CHANGE_RUNS, ON_CHANGE_S, RECONCILES = 14_600, 90, Decimal("4.3")


def _rows() -> dict[str, list[Decimal]]:
    section = TEXT.split("## What it costs")[1].split("\n## ")[0]
    cells = [
        [cell.strip(" *") for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"
    ]
    return {row[0]: [Decimal(cell) for cell in row[1:]] for row in cells[2:]}


@pytest.mark.parametrize("size", range(3), ids=["small", "medium", "large"])
def test_the_costs_are_their_arithmetic(size: int) -> None:
    told = {name: values[size] for name, values in _rows().items()}
    prices = read_prices()
    tables, changes = told["tables, GB"], int(told["changes of the main table an hour, MB"])
    dpu_seconds = float(told["workers of the merge job"] * told["seconds of a merge"])
    scanned = (int(told[f"scanned by each of {CHECKS} checks, MB"]) * MB,) * CHECKS
    hour = estimate_cost(Usage((changes * MB, 0), dpu_seconds, 0, scanned), prices)
    day = estimate_cost(Usage((), 0.0, CRAWLERS, ()), prices)
    stored = 3 * tables + Decimal(changes) * 24 * RETENTION_DAYS / 1000
    alarms = len(Rendered(PARAMETERS).of_type("AWS::CloudWatch::Alarm"))
    wanted = {
        "exports": HOURS * Decimal(hour["exports"]),
        "merges": HOURS * Decimal(hour["merge"]),
        "checks": HOURS * Decimal(hour["queries"]),
        "crawls": 30 * Decimal(day["crawls"]),
        "point-in-time recovery": tables * prices["pitr_gb_month"],
        "S3": stored * prices["s3_gb_month"],
        "key and alarms": prices["kms_key_month"] + alarms * prices["alarm_month"],
    }
    cents = Decimal("0.01")
    assert {name: told[name] for name in wanted} == {name: value.quantize(cents) for name, value in wanted.items()}
    assert told["a month"] == sum(told[name] for name in wanted)
    assert told["bootstrap, once"] == tables * prices["export_full_per_gb"]
    assert told["a reconciliation a week"] == RECONCILES * told["bootstrap, once"]
    run = estimate_cost(Usage((), float(told["workers of the merge job"] * ON_CHANGE_S), 0, (0,) * CHECKS), prices)
    on_change = ON_CHANGE_RUNS * (Decimal(run["merge"]) + Decimal(run["queries"]))
    assert told["on-change runs, if writes come all day"] == on_change.quantize(cents)
