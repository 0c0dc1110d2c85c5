"""Queries of the declared checks, over everything that changed since the published snapshot."""

from __future__ import annotations

from lake_airflow.pipelines import Lake


def build_check_query(lake: Lake, check: str, batch_id: str) -> str | None:
    return None
