"""``make test``, ``make test-fast``, ``make test-deep``: which tests run in which environment."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from include.laptop import paths
from include.laptop.checkout import copy_checkout

NOT_DEEP = ("-m", "not deep")


@dataclass(frozen=True)
class Suite:
    """Test folders that run together: in which environment, with which of pytest's options.

    With ``more_pipelines`` they run in a copy of the checkout that holds these declarations too.
    """

    name: str
    python: str
    arguments: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()
    more_pipelines: tuple[str, ...] = ()


_AIRFLOW, _AWS = str(paths.python_of(paths.AIRFLOW_ENV)), str(paths.python_of(paths.AWS_ENV))
UNIT = Suite("unit", _AIRFLOW, ("tests/unit", "tests/laptop", *NOT_DEEP))
INFRA = Suite("infra", _AIRFLOW, ("tests/infra", *NOT_DEEP))
DAGS = Suite("dags and plugins", _AIRFLOW, ("tests/dags", "tests/plugins", *NOT_DEEP))
LOCAL_AWS = Suite("local AWS", _AWS, ("tests/local_aws", *NOT_DEEP))
SPARK = Suite("Spark", _AIRFLOW, ("tests/spark", *NOT_DEEP))
SECOND = ("tests/pipelines/parcel_routes.toml",)
ON_CHANGE_ALONE = ("tests/pipelines/live_readings.toml",)
E2E = Suite("end to end", _AIRFLOW, ("tests/e2e", *NOT_DEEP), more_pipelines=SECOND)
_LONG = (("HYPOTHESIS_PROFILE", "deep"),)
_SLOWEST = ("--durations=10", "--durations-min=5")
_KILLED = "kill or erasure"
_DEEP_E2E = ("tests/e2e", "-m", "deep", "-k")
DEEP = (
    (
        Suite("unit, deep", _AIRFLOW, ("tests/unit",), _LONG),
        Suite("dags and plugins, deep", _AIRFLOW, ("tests/dags", "tests/plugins", "-m", "deep")),
        Suite("infra, deep", _AIRFLOW, ("tests/infra", "-m", "deep")),
        Suite("killed runs and erasure, deep", _AIRFLOW, (*_DEEP_E2E, _KILLED), more_pipelines=SECOND),
        Suite("end to end, deep", _AIRFLOW, (*_DEEP_E2E, f"not ({_KILLED})"), more_pipelines=SECOND),
    ),
    (
        Suite("Spark, deep", _AIRFLOW, ("tests/spark", "-m", "deep"), _LONG),
        Suite("stack, deep", _AIRFLOW, ("tests/stack", "-m", "deep"), more_pipelines=ON_CHANGE_ALONE),
    ),
)
TIERS: dict[str, Sequence[Sequence[Suite]]] = {
    "fast": ((UNIT,), (DAGS,)),
    "test": ((INFRA, LOCAL_AWS), (SPARK, UNIT, DAGS), (E2E,)),
    "deep": DEEP,
}


def main() -> int:
    """Run one tier: its lanes side by side (two cores, and end-to-end runs wait a good deal), the suites of a lane one after
    the other; 1 if any failed.
    """
    parser = argparse.ArgumentParser(prog="make test", description=__doc__)
    parser.add_argument("tier", choices=TIERS)
    tier = parser.parse_args().tier
    logs = paths.LOCAL / "test-logs" / tier
    logs.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    lanes = TIERS[tier]
    with ThreadPoolExecutor(len(lanes)) as pool:
        failed = [
            name
            for names in pool.map(lambda lane: [s.name for s in lane if not _passes(s, logs)], lanes)
            for name in names
        ]
    verdict = f"failed: {', '.join(failed)}" if failed else "all passed"
    print(f"== {tier}: {verdict} in {time.monotonic() - started:.0f} s")
    return 1 if failed else 0


def _passes(suite: Suite, logs: Path) -> bool:
    """Run one suite to its end, then print all that it said."""
    began = time.monotonic()
    slug = suite.name.replace(" ", "-").replace(",", "")
    root = paths.ROOT
    if suite.more_pipelines:
        root = copy_checkout(paths.LOCAL / "checkouts" / slug, [paths.ROOT / name for name in suite.more_pipelines])
    environment = {**os.environ, "PYTHONPATH": f"{root}:{root / 'plugins'}", **dict(suite.environment)}
    log_path = logs / f"{slug}.log"
    with log_path.open("wb") as log:
        command = [suite.python, "-m", "pytest", *_SLOWEST, *suite.arguments]
        finished = subprocess.run(command, cwd=root, env=environment, stdout=log, stderr=subprocess.STDOUT, check=False)
    print(f"== {suite.name} ({time.monotonic() - began:.0f} s)\n{log_path.read_text().rstrip()}", flush=True)
    return finished.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
