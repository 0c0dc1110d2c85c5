"""The plain-Python reference of the whole merge: the oracle that the Spark job is compared with."""

from include.dynamo_lake.reference.lake import Batch, Lake, Mirror, MirrorRow, QuarantineRow, Row, SourceState, Target
from include.dynamo_lake.reference.law import Tables, derived_tables, expected_tables, observed_tables
from include.dynamo_lake.reference.merge import MergeCounts, MergeCrashedError, apply_batch, merge_steps
from include.dynamo_lake.reference.reconciliation import Difference, Reconciliation

__all__ = [
    "Batch",
    "Difference",
    "Lake",
    "MergeCounts",
    "MergeCrashedError",
    "Mirror",
    "MirrorRow",
    "QuarantineRow",
    "Reconciliation",
    "Row",
    "SourceState",
    "Tables",
    "Target",
    "apply_batch",
    "derived_tables",
    "expected_tables",
    "merge_steps",
    "observed_tables",
]
