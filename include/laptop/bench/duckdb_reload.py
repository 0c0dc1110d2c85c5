"""The other baseline: the same reload in DuckDB, from and to the local disk. Runs in local AWS's environment.

Arguments: the folder of the main table's export files, the lookup's folder, the output's folder; prints one line of JSON.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import duckdb

_ENTRY = (
    "STRUCT(M STRUCT(taskID STRUCT(S VARCHAR), userCampaignTaskProgressState STRUCT(S VARCHAR), "
    "rewardEarned STRUCT(N VARCHAR), validatedAt STRUCT(S VARCHAR), validationFailureReason STRUCT(S VARCHAR)))"
)
_MAIN = (
    "STRUCT(userID STRUCT(S VARCHAR), campaignID STRUCT(S VARCHAR), createdAt STRUCT(S VARCHAR), "
    "updatedAt STRUCT(N VARCHAR), totalTaskRewardsEarned STRUCT(N VARCHAR), "
    f"userCampaignProgressState STRUCT(S VARCHAR), progressDetails STRUCT(L {_ENTRY}[]))"
)
_LOOKUP = (
    "STRUCT(campaignID STRUCT(S VARCHAR), "
    "campaignTasks STRUCT(L STRUCT(M STRUCT(taskID STRUCT(S VARCHAR), taskDeadline STRUCT(S VARCHAR)))[]))"
)
_RELOAD = """
COPY (
  WITH tasks AS (SELECT Item.campaignID.S AS campaign_id, unnest(Item.campaignTasks.L) AS task FROM lookup),
  deadlines AS (
    SELECT campaign_id, task.M.taskID.S AS task_id, CAST(task.M.taskDeadline.S AS TIMESTAMPTZ) AS task_deadline FROM tasks
  ),
  entries AS (
    SELECT Item AS i, unnest(Item.progressDetails.L) AS entry, generate_subscripts(Item.progressDetails.L, 1) - 1 AS position
    FROM main
  )
  SELECT
    i.userID.S AS user_id, i.campaignID.S AS campaign_id, CAST(i.createdAt.S AS TIMESTAMPTZ) AS created_at,
    to_timestamp(CAST(i.updatedAt.N AS BIGINT)) AS updated_at,
    i.userCampaignProgressState.S AS user_campaign_progress_state,
    CAST(i.totalTaskRewardsEarned.N AS DECIMAL(18, 6)) AS total_task_rewards_earned,
    position, entry.M.taskID.S AS task_id,
    entry.M.userCampaignTaskProgressState.S AS user_campaign_task_progress_state,
    CAST(entry.M.rewardEarned.N AS DECIMAL(18, 6)) AS reward_earned,
    CAST(entry.M.validatedAt.S AS TIMESTAMPTZ) AS validated_at,
    entry.M.validationFailureReason.S AS validation_failure_reason,
    deadlines.task_deadline, CAST(CAST(i.createdAt.S AS TIMESTAMPTZ) AS DATE) AS day
  FROM entries
  LEFT JOIN deadlines ON deadlines.campaign_id = i.campaignID.S AND deadlines.task_id = entry.M.taskID.S
) TO '{output}' (FORMAT parquet, PARTITION_BY (day), OVERWRITE)
"""


def main(main_folder: Path, lookup_folder: Path, output: Path) -> None:
    """Time one reload."""
    connection = duckdb.connect(config={"threads": "2", "temp_directory": str(output.parent / "spill")})
    connection.execute("SET TimeZone = 'UTC'; SET preserve_insertion_order = false")
    started = time.monotonic()
    connection.execute(f"CREATE VIEW main AS {_files(main_folder, _MAIN)}")
    connection.execute(f"CREATE VIEW lookup AS {_files(lookup_folder, _LOOKUP)}")
    connection.execute(_RELOAD.format(output=output))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"work_s": time.monotonic() - started, "peak_memory_bytes": peak}))


def _files(folder: Path, item: str) -> str:
    columns = f"columns = {{'Item': '{item}'}}, maximum_object_size = 4194304"
    return f"SELECT * FROM read_json('{folder}/*.json.gz', format = 'newline_delimited', {columns})"  # noqa: S608


if __name__ == "__main__":
    main(*(Path(one) for one in sys.argv[1:]))
