"""Hypothesis profiles by ``HYPOTHESIS_PROFILE``: quick and ``deep`` draw the same examples every time, ``search`` others in every run."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

_QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
settings.register_profile(
    "default", max_examples=170, deadline=None, derandomize=True, database=None, suppress_health_check=_QUIET
)
settings.register_profile("deep", settings.get_profile("default"), max_examples=2_550)
settings.register_profile("search", settings.get_profile("deep"), derandomize=False, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
