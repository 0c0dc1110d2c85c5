"""What a settled lake must show beside the law: what the tables hold, but for the known limit of a lossy stream."""

from __future__ import annotations

from datetime import timedelta

from include.dynamo_lake.reference import Tables
from include.dynamo_lake.versions import KIND_STREAM
from include.dynamo_lake.windows import Window
from tests.histories.driver import Driver
from tests.histories.engine import statements_of
from tests.histories.tables import ChangeFile, Write


def truth_differences(driver: Driver) -> list[str]:
    """Items whose mirror differs from the tables, the known limit apart; after ``settle`` only."""
    shown = driver.engine.tables()
    differences: list[str] = []
    for source in driver.pipeline.sources:
        truth = driver.tables.state(source.id, driver.now + timedelta(microseconds=1))
        keys = truth.keys() | shown.mirrors[source.id].keys()
        wrong = (key for key in keys if not _is_true(driver, shown, source.id, key, truth.get(key)))
        differences.extend(f"{source.id} {key}" for key in wrong)
    return differences


def _is_true(driver: Driver, shown: Tables, source_id: str, key: str, write: Write | None) -> bool:
    mirrored = shown.mirrors[source_id].get(key)
    if mirrored is None or write is None:
        return (mirrored is None and write is None) or _is_known_limit(driver, shown, source_id, key)
    line = driver.tables.stream_line(write)
    expected = next(iter(statements_of(driver.pipeline, (ChangeFile(source_id, None, "truth", (line,)),))))
    return mirrored[1] == expected.image


def _is_known_limit(driver: Driver, shown: Tables, source_id: str, key: str) -> bool:
    """An insert heard from the stream whose deletion the stream lost, both within one window, and no full export since."""
    mirrored = shown.mirrors[source_id].get(key)
    if mirrored is None or mirrored[0].kind != KIND_STREAM:
        return False
    heard_at = mirrored[0].at
    was_lost = any(w.source == source_id and w.key == key and w.image is None for w in driver.lost)
    healing = [item for item in driver.planned if isinstance(item, Window) and item.start <= heard_at < item.end]
    silent = all(
        key not in driver.tables.state(source_id, window.start)
        and key not in driver.tables.state(source_id, window.end)
        for window in healing
    )
    return was_lost and silent and all(at <= heard_at for _, at in driver.fulls)
