"""When the last copy of a deleted item is gone: the days that each kind of copy takes, at the longest, from its deletion.

Whole days, with a run at least once a day; ``docs/erasure.md`` shows the same sums for the people who have to answer for them.
"""

from __future__ import annotations

from include.dynamo_lake.coverage import TOMBSTONES_KEPT
from include.dynamo_lake.retention import WORKING_HISTORY

# Until a run has merged the deletion.
_MERGED = 1
# Tombstones are purged, and tables maintained, once a day.
_PURGED = 1
_MAINTAINED = 1
# S3 removes at the midnight after.
_MIDNIGHT = 1
_LONGEST_NONCURRENT = 7
_TOMBSTONE = _MERGED + TOMBSTONES_KEPT.days + _PURGED + WORKING_HISTORY.days + _MAINTAINED + _MIDNIGHT


def least_erase_days(time_travel_days: int) -> int:
    """The fewest days that can be declared: a replaced object stays one day more."""
    return max(_TOMBSTONE, _target_days(time_travel_days)) + 1


def noncurrent_days(time_travel_days: int, erase_within_days: int) -> int:
    """How long a replaced or deleted object of the bucket stays as a noncurrent version: up to a week, as far as there is room."""
    used = max(_TOMBSTONE, _target_days(time_travel_days))
    return min(erase_within_days - used, _LONGEST_NONCURRENT)


def export_days(time_travel_days: int, erase_within_days: int) -> int:
    """How long exports and change files stay."""
    return erase_within_days - _MERGED - _MIDNIGHT - noncurrent_days(time_travel_days, erase_within_days) - _MIDNIGHT


def _target_days(time_travel_days: int) -> int:
    """Until a row's last data file is deleted and, at a midnight, gone; its days as a noncurrent version aside."""
    return _MERGED + time_travel_days + _MAINTAINED + _MIDNIGHT
