"""Give an environment its DAG files, and wait until Airflow has read them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from include.deploy.airflow_api import AirflowApi
from include.deploy.airflow_bundle import STAMP
from include.deploy.mwaa import FOLDER, Mwaa
from include.deploy.stack import Say
from include.dynamo_lake.errors import TerminalError, TransientError

PARSE_CEILING_S = 20 * 60.0
POLL_S = 15.0
# MWAA brings its bucket's files to Airflow every 30 seconds: until then Airflow may read the old ones once more.
SYNC = timedelta(seconds=60)


class DagImportError(TerminalError):
    """DAG files do not import in the environment."""


class DagsUnreadError(TransientError):
    """Airflow has not read the new DAG files within the ceiling."""


def put_dag_files(s3: Any, mwaa: Mwaa, files: Mapping[str, bytes], say: Say) -> datetime:
    """Remove what this project had there before and put the files; return AWS's time of the last put.

    The stamp goes last: an upload that broke off leaves the one before it, so that no run passes for the new version.
    """
    wanted = {mwaa.dag_prefix + name: content for name, content in files.items()}
    put_at = datetime.min.replace(tzinfo=UTC)
    stamp = mwaa.dag_prefix + STAMP
    listed = s3.list_objects_v2(Bucket=mwaa.bucket, Prefix=mwaa.dag_prefix).get("Contents", [])
    for stale in sorted({entry["Key"] for entry in listed} - wanted.keys()):
        s3.delete_object(Bucket=mwaa.bucket, Key=stale)
        say(f"removed s3://{mwaa.bucket}/{stale}")
    for key in sorted(wanted, key=lambda one: (one == stamp, one)):
        answer = s3.put_object(Bucket=mwaa.bucket, Key=key, Body=wanted[key])
        put_at = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
    say(f"uploaded {len(wanted)} files to s3://{mwaa.bucket}/{mwaa.dag_prefix}")
    return put_at


def require_imported(
    api: AirflowApi,
    sources: Mapping[str, bytes],
    put_at: datetime,
    say: Say,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Wait until Airflow has parsed every DAG of ``sources`` (file by DAG id) from that file, after ``put_at``.

    Raises:
        DagImportError: naming each file that does not import, with its error.
        DagsUnreadError: after 20 minutes.
    """
    deadline = time.monotonic() + PARSE_CEILING_S
    while True:
        errors = api.import_errors(FOLDER, put_at + SYNC)
        if errors:
            listed = "; ".join(f"{file}: {error}" for file, error in sorted(errors.items()))
            raise DagImportError(f"DAG files do not import: {listed}. The DAGs stay paused; mend it and deploy again")
        unread = [dag_id for dag_id, file in sources.items() if not _parsed(api, dag_id, file, put_at)]
        if not unread:
            say(f"Airflow has read {', '.join(sources)}")
            return
        if time.monotonic() > deadline:
            raise DagsUnreadError(
                f"Airflow has not read {', '.join(unread)} after {PARSE_CEILING_S / 60:.0f} minutes: look at the "
                "environment's DAG processing log, then deploy again"
            )
        sleep(POLL_S)


def _parsed(api: AirflowApi, dag_id: str, file: bytes, put_at: datetime) -> bool:
    """The time alone does not tell: Airflow reads the old file over and over."""
    state = api.read_dag(dag_id)
    since = state is not None and state.last_parsed is not None and state.last_parsed > put_at
    return since and api.read_source(dag_id) == file.decode()
