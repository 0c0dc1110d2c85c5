"""A new MWAA environment over a live lake, and the way back to the code before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import boto3

from tests.infra.checkouts import copy_checkout
from tests.infra.mwaa_double import MwaaDouble
from tests.infra.releasing import NAME, NAMES, PAUSED, WITH_MWAA, mwaa, release


def test_a_new_environment_takes_over_a_live_lake(session: boto3.Session, checkout: Path, double: MwaaDouble) -> None:
    release(session, checkout)
    bucket = double.fields["AirflowConfigurationOptions"][f"lake_{NAME}.bucket"]
    session.client("s3").put_object(Bucket=bucket, Key="state/coverage.json", Body=b"{}")
    successor = replace(WITH_MWAA, mwaa="successor")
    resting = dict.fromkeys(PAUSED, True)
    with mwaa(session, "successors-bucket", name="successor", paused=dict(resting)) as new:
        lines = release(session, checkout, successor)
        assert f"stack {NAMES.stack}: no change" in lines
        assert new.fields["AirflowConfigurationOptions"] == double.fields["AirflowConfigurationOptions"]
        assert new.connections == double.connections
        assert new.paused == resting, "whoever moved on unpauses it"
    assert session.client("s3").get_object(Bucket=bucket, Key="state/coverage.json")["Body"].read() == b"{}"


def test_the_code_before_comes_back_by_deploying_it(
    session: boto3.Session, checkout: Path, double: MwaaDouble, tmp_path: Path
) -> None:
    release(session, checkout)
    before = dict(double.fields)
    changed = copy_checkout(tmp_path / "checkout")
    (changed / "glue_scripts" / "merge_job.py").write_text("print('another')\n")
    release(session, changed)
    assert double.fields["PluginsS3Path"] != before["PluginsS3Path"], "plugins name the code that they belong to"
    lines = release(session, checkout)
    assert double.fields == before
    assert not [line for line in lines if line.startswith("uploaded s3")], "it is all there still"
    job = session.client("glue").get_job(JobName=f"{NAMES.dashed}-merge")["Job"]
    version = before["AirflowConfigurationOptions"][f"lake_{NAME}.code_version"]
    assert f"/code/{version}/" in job["Command"]["ScriptLocation"]
