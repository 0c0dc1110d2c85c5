"""Airflow's pages in a real browser: the last run, how fresh the table is, the form that runs a range again."""

from __future__ import annotations

import re

import pytest

from include.laptop.stack.browser import NoBrowserError, find_browser, install_driver, look
from tests.stack.running import HOURLY, PIPELINE, Stack

pytestmark = pytest.mark.deep


def test_a_browser_shows_the_last_run_the_freshness_and_the_form(stack: Stack) -> None:
    try:
        find_browser()
        install_driver()
    except NoBrowserError as reason:
        pytest.skip(str(reason))
    found = look(stack.api.url, PIPELINE)
    newest = stack.api.runs(HOURLY)[0]["dag_run_id"]
    assert re.search(rf"{re.escape(newest)}\s+Success", found["last_run"]), found["last_run"]
    for group in ("plan", "capture", "merge", "verify", "publish"):
        assert group in found["graph"]
    event = next(event for event in stack.api.asset_events() if event["extra"].get("complete_through"))
    assert event["extra"]["complete_through"] in found["freshness"]
    assert re.search(r"campaign_analytics\.user_campaign_tasks is complete through \S+Z:", found["last_words"])
    for words in ("Run Parameters", "Start", "End"):
        assert words in found["trigger_form"]
