"""The declaration that histories run under, and the same before somebody mended it."""

from __future__ import annotations

from dataclasses import replace

from include.dynamo_lake.declaration import Pipeline, read_declaration


def mended_declaration() -> Pipeline:
    """The shipped declaration, with two fields that become null instead of quarantining their item."""
    pipeline = read_declaration("campaign")
    lenient = {"reward_earned", "task_deadline"}
    columns = tuple(replace(c, on_error="null") if c.name in lenient else c for c in pipeline.target.columns)
    return replace(pipeline, target=replace(pipeline.target, columns=columns))


def unmended_declaration() -> Pipeline:
    """The same, strict, and blind to numbers as timestamps: such items are stored without a day, in quarantine."""
    pipeline = read_declaration("campaign")
    columns = tuple(replace(c, accept=("S",)) if c.type == "timestamp" else c for c in pipeline.target.columns)
    return replace(pipeline, target=replace(pipeline.target, columns=columns))
