"""Turn a stack's outputs into the Airflow settings of its pipeline."""

from __future__ import annotations

from collections.abc import Mapping

from include.dynamo_lake.errors import TerminalError

# Output of the stack -> key of the section lake_<pipeline>; docs/contracts.md has the same table.
KEY_BY_OUTPUT = {
    "Bucket": "bucket",
    "MainTableArn": "main_table_arn",
    "LookupTableArn": "lookup_table_arn",
    "MainStreamArn": "main_stream_arn",
    "LookupStreamArn": "lookup_stream_arn",
    "MergeJob": "merge_job",
    "MainCrawler": "main_crawler",
    "LookupCrawler": "lookup_crawler",
    "OutputCrawler": "output_crawler",
    "Workgroup": "workgroup",
    "SourcesDatabase": "sources_database",
    "LakeDatabase": "lake_database",
    "AnalyticsDatabase": "analytics_database",
    "KeyArn": "key_arn",
    "WakeUpQueueUrl": "wake_up_queue_url",
    "RunLog": "run_log",
    "CodeVersion": "code_version",
}
# Absent from the stack, and empty in the settings, where the pipeline has no lookup, or captures no stream.
LOOKUP_OUTPUTS = frozenset({"LookupTableArn", "LookupCrawler"})
CAPTURE_OUTPUTS = frozenset({"MainStreamArn", "LookupStreamArn"})


class MissingOutputError(TerminalError):
    """The stack lacks outputs that Airflow needs."""


def build_settings(pipeline: str, outputs: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables ``AIRFLOW__LAKE_<PIPELINE>__<KEY>`` of one pipeline.

    Raises:
        MissingOutputError: the stack was made by another version of the template.
    """
    missing = sorted(KEY_BY_OUTPUT.keys() - LOOKUP_OUTPUTS - CAPTURE_OUTPUTS - outputs.keys())
    if missing:
        raise MissingOutputError(
            f"the stack of {pipeline} has no output {', '.join(missing)}: deploy it with this version of the template"
        )
    section = f"AIRFLOW__LAKE_{pipeline.upper()}__"
    return {section + key.upper(): outputs.get(output, "") for output, key in KEY_BY_OUTPUT.items()}


def build_mwaa_options(pipeline: str, outputs: Mapping[str, str]) -> dict[str, str]:
    """Return the same settings as configuration options of an MWAA environment (``lake_<pipeline>.<key>``).

    Empty ones are left out: MWAA takes no empty option, and what is absent is read as empty.
    """
    options = {
        ".".join(name.removeprefix("AIRFLOW__").lower().rsplit("__", maxsplit=1)): value
        for name, value in build_settings(pipeline, outputs).items()
        if value
    }
    return {**options, f"{settings_section(pipeline)}.aws_conn_id": connection_id(pipeline)}


def settings_section(pipeline: str) -> str:
    """The section of Airflow's configuration that holds a pipeline's settings."""
    return f"lake_{pipeline}"


def connection_id(pipeline: str) -> str:
    """The Airflow connection of a pipeline: it takes the stack's Airflow role, so every pipeline has its own."""
    return f"lake_{pipeline}"
