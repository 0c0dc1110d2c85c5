"""Glue job runs that really run: the job's script in a process of its own, under the job's role, on local Spark."""

from __future__ import annotations

from include.local_aws.glue_jobs.handlers import HANDLERS

__all__ = ["HANDLERS"]
