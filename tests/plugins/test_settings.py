"""Settings: all mistakes at once, with the remedy."""

from __future__ import annotations

import pytest
from lake_airflow.settings import SettingsError, read_common_settings, read_settings


def variable(pipeline: str, key: str) -> str:
    return f"AIRFLOW__LAKE_{pipeline.upper()}__{key.upper()}"


def test_what_the_stack_gives_is_what_is_read(pipeline: str) -> None:
    settings = read_settings(pipeline, has_lookup=True)
    assert settings.bucket.endswith("-eu-central-1")
    assert settings.aws_conn_id == "aws_default"


def test_every_missing_key_is_named_with_its_variable(pipeline: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("bucket", "workgroup"):
        monkeypatch.setenv(variable(pipeline, key), "")
    with pytest.raises(SettingsError) as caught:
        read_settings(pipeline, has_lookup=True)
    assert "lacks bucket, workgroup" in str(caught.value)
    assert variable(pipeline, "workgroup") in str(caught.value)


def test_a_pipeline_without_a_lookup_needs_no_lookup_settings(pipeline: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("lookup_table_arn", "lookup_crawler"):
        monkeypatch.setenv(variable(pipeline, key), "")
    assert read_settings(pipeline, has_lookup=False).lookup_crawler == ""
    with pytest.raises(SettingsError, match="lacks lookup_crawler, lookup_table_arn"):
        read_settings(pipeline, has_lookup=True)


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "soon"])
def test_seconds_that_are_none_are_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__LAKE__POLL_S", text)
    with pytest.raises(SettingsError, match="AIRFLOW__LAKE__POLL_S is"):
        read_common_settings()


def test_seconds_have_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW__LAKE__POLL_S")
    common = read_common_settings()
    assert (common.poll_s, common.retry_delay.total_seconds()) == (30, 60)
