"""Steps that have a link: the same functions as the other tasks run, as operators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.sdk import BaseOperator

from lake_airflow.links import DifferencesLink, ReportLink, SnapshotLink
from lake_airflow.steps.announce import announce
from lake_airflow.steps.differences import tell_differences
from lake_airflow.steps.publish import publish_snapshot


class PublishOperator(BaseOperator):
    """Move readers to the snapshot that the run's report names, forwards only."""

    template_fields: Sequence[str] = ("pipeline",)
    operator_extra_links = (SnapshotLink(),)

    def __init__(self, *, pipeline: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pipeline = pipeline

    def execute(self, context: Any) -> dict[str, Any]:
        return publish_snapshot(self.pipeline, context)


class DifferencesOperator(BaseOperator):
    """Tell what the comparison of the mirrors with their tables found; the run's note is made of it."""

    template_fields: Sequence[str] = ("pipeline",)
    operator_extra_links = (DifferencesLink(),)

    def __init__(self, *, pipeline: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pipeline = pipeline

    def execute(self, context: Any) -> dict[str, dict[str, int]]:
        return tell_differences(self.pipeline, context)


class AnnounceOperator(BaseOperator):
    """Send the asset event that tells what the run did; ``checks`` and ``crawls`` are the ids of the tasks that cost something."""

    template_fields: Sequence[str] = ("pipeline", "checks", "crawls")
    operator_extra_links = (ReportLink(),)

    def __init__(self, *, pipeline: str, checks: tuple[str, ...], crawls: tuple[str, ...], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pipeline = pipeline
        self.checks = checks
        self.crawls = crawls

    def execute(self, context: Any) -> dict[str, Any]:
        return announce(self.pipeline, self.checks, self.crawls, context)
