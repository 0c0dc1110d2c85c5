"""The environment comes first: Airflow reads it when it is imported."""

from __future__ import annotations

import tests.airflow_environment  # noqa: F401
