"""Settings of one pipeline: the stack's outputs as Airflow configuration, read once and validated."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import timedelta

from airflow.sdk.configuration import conf

from include.dynamo_lake.errors import TerminalError

COMMON_SECTION = "lake"
DEFAULT_POLL_S = 30
DEFAULT_RETRY_DELAY_S = 60
DEFAULT_CONNECTION = "aws_default"
_OPTIONAL = {
    **dict.fromkeys(("lookup_table_arn", "lookup_crawler", "main_stream_arn", "lookup_stream_arn"), ""),
    "aws_conn_id": DEFAULT_CONNECTION,
}


class SettingsError(TerminalError):
    """Airflow's configuration lacks what a pipeline needs, or holds something that cannot be used."""


class NotDeployedError(SettingsError):
    """Airflow's configuration has no setting of a pipeline: it is declared, and deployed elsewhere or not yet."""


@dataclass(frozen=True)
class PipelineSettings:
    """Names in AWS of one pipeline's parts; ``lookup_*`` are empty where the pipeline has no lookup, ``*_stream_arn`` where
    no stream is captured.
    """

    bucket: str
    main_table_arn: str
    lookup_table_arn: str
    main_stream_arn: str
    lookup_stream_arn: str
    merge_job: str
    main_crawler: str
    lookup_crawler: str
    output_crawler: str
    workgroup: str
    sources_database: str
    lake_database: str
    analytics_database: str
    key_arn: str
    wake_up_queue_url: str
    run_log: str
    code_version: str
    aws_conn_id: str


@dataclass(frozen=True)
class CommonSettings:
    """What all pipelines share: seconds between two looks at a remote job, and the first delay of a retry."""

    poll_s: int
    retry_delay: timedelta


def read_settings(pipeline: str, *, has_lookup: bool) -> PipelineSettings:
    """Read the section ``lake_<pipeline>`` of Airflow's configuration.

    Raises:
        NotDeployedError: not one of the settings is there.
        SettingsError: naming every missing key at once, its environment variable, and how to write them.
    """
    section = f"lake_{pipeline}"
    values: dict[str, str] = {}
    for field in fields(PipelineSettings):
        values[field.name] = conf.get(section, field.name, fallback="") or _OPTIONAL.get(field.name, "")
    needed = set(values) - _OPTIONAL.keys() | ({"lookup_table_arn", "lookup_crawler"} if has_lookup else set())
    missing = sorted(name for name in needed if not values[name])
    if missing:
        variables = ", ".join(f"AIRFLOW__{section.upper()}__{name.upper()}" for name in missing)
        kind = NotDeployedError if needed == set(missing) else SettingsError
        raise kind(
            f"Airflow's configuration section [{section}] lacks {', '.join(missing)}: set {variables} (on MWAA the options "
            f"{section}.<key>). `make deploy` gives an MWAA environment all of them"
        )
    return PipelineSettings(**values)


def read_common_settings() -> CommonSettings:
    """Read the section ``lake``: ``poll_s`` (default 30) and ``retry_delay_s`` (default 60), in whole seconds.

    Raises:
        SettingsError: a value is not a whole number from 1 up.
    """
    poll_s = _read_seconds("poll_s", DEFAULT_POLL_S)
    return CommonSettings(poll_s, timedelta(seconds=_read_seconds("retry_delay_s", DEFAULT_RETRY_DELAY_S)))


def _read_seconds(key: str, default: int) -> int:
    text = conf.get(COMMON_SECTION, key, fallback=str(default)) or str(default)
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        variable = f"AIRFLOW__{COMMON_SECTION.upper()}__{key.upper()}"
        raise SettingsError(f"{variable} is {text!r}: write whole seconds from 1 up, for example {default}")
    return int(text)
