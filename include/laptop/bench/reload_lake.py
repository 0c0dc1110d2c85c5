"""Run the baseline job on a lake's own source files, as a Glue job under local AWS."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from include.laptop.bench.benchmark import Values
from include.laptop.bench.generate import write_campaigns
from include.laptop.bench.lake import BenchLake

JOB = "bench-reload"
_TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "glue.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
_RIGHTS = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["s3:*", "kms:*", "logs:*"], "Resource": "*"}],
}


def run_reload(lake: BenchLake) -> Values:
    """Upload the source files, run the reload once, and return its seconds and memory."""
    bucket, s3 = lake.bucket, lake.client("s3")
    folder = f"s3://{bucket}/bench/{lake.items}"
    for kind, files in (("main", lake.main_files(lake.items)), ("lookup", write_campaigns(lake.folder / "campaigns"))):
        for file in files:
            s3.upload_file(str(file.path), bucket, f"bench/{lake.items}/{kind}/{file.path.name}")
    _create_job(lake)
    arguments = {
        "--main": f"{folder}/main/", "--lookup": f"{folder}/lookup/", "--output": f"{folder}/output",
        "--report": f"{folder}/report.json",
    }  # fmt: skip
    job_s = lake.run_job(JOB, arguments)
    report = s3.get_object(Bucket=bucket, Key=f"bench/{lake.items}/report.json")["Body"].read()
    values: Values = {"job_s": job_s, **json.loads(report)}
    lake.say(f"the reload in Spark: {job_s:.1f} s, of which {values['work_s']:.1f} s are work")
    return values


def _create_job(lake: BenchLake) -> None:
    glue: Any = lake.client("glue")
    if any(job["Name"] == JOB for job in glue.get_jobs()["Jobs"]):
        return
    lake.client("s3").upload_file(str(Path(__file__).with_name("reload_job.py")), lake.bucket, "bench/reload_job.py")
    iam = lake.client("iam")
    role = iam.create_role(RoleName=JOB, AssumeRolePolicyDocument=json.dumps(_TRUST))["Role"]["Arn"]
    iam.put_role_policy(RoleName=JOB, PolicyName="reload", PolicyDocument=json.dumps(_RIGHTS))
    script = f"s3://{lake.bucket}/bench/reload_job.py"
    glue.create_job(
        Name=JOB, Role=role, GlueVersion="6.0", WorkerType="G.1X", NumberOfWorkers=2, Timeout=60,
        Command={"Name": "glueetl", "ScriptLocation": script, "PythonVersion": "3"},
    )  # fmt: skip
