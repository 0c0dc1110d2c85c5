"""Glue's job arguments: how they merge, which of them Glue keeps for itself, and what the script gets."""

from __future__ import annotations

import re
from collections.abc import Mapping

Arguments = dict[str, str]

_GLUE_ONLY = frozenset(
    {
        "--conf", "--extra-py-files", "--extra-jars", "--extra-files", "--datalake-formats", "--job-language", "--class",
        "--scriptLocation", "--user-jars-first", "--use-postgres-driver", "--additional-python-modules",
        "--python-modules-installer-option", "--custom-logGroup-prefix", "--custom-logStream-prefix", "--spark-event-logs-path",
    }
)  # fmt: skip
_GLUE_ONLY_PREFIXES = ("--enable-", "--continuous-log-", "--write-shuffle-", "--executor-cores")
_CHAINED = re.compile(r"\s+--conf\s+")


def merge_arguments(defaults: Mapping[str, str], run: Mapping[str, str], fixed: Mapping[str, str]) -> Arguments:
    """The job's DefaultArguments, overridden by the run's, overridden by the job's NonOverridableArguments."""
    return {**defaults, **run, **fixed}


def script_arguments(arguments: Mapping[str, str], job_name: str, run_id: str) -> list[str]:
    """The script's command line: every argument that is not Glue's own, then the job's name and the run's id."""
    own = {name: value for name, value in arguments.items() if not _is_glue_only(name)}
    named = {**own, "--JOB_NAME": job_name, "--JOB_RUN_ID": run_id}
    return [part for name, value in named.items() for part in (name, str(value))]


def spark_settings(arguments: Mapping[str, str]) -> dict[str, str]:
    """The settings of `--conf`, which Glue takes once: further ones are chained inside its value (`a=b --conf c=d`).

    Raises ValueError for a part without `=`.
    """
    value = str(arguments.get("--conf", "")).strip().removeprefix("--conf").strip()
    pairs = [one.strip().partition("=") for one in _CHAINED.split(value) if one.strip()]
    wrong = [name for name, sign, _ in pairs if not sign]
    if wrong:
        raise ValueError(f"--conf has {wrong[0]!r}, which is no key=value: chain settings as 'a=b --conf c=d'")
    return {name.strip(): setting.strip() for name, _, setting in pairs}


def listed(arguments: Mapping[str, str], name: str) -> list[str]:
    """A comma-separated argument as a list."""
    return [one.strip() for one in str(arguments.get(name, "")).split(",") if one.strip()]


def _is_glue_only(name: str) -> bool:
    return name in _GLUE_ONLY or name.startswith(_GLUE_ONLY_PREFIXES)
