"""What a job run's process needs: its files from S3, its Spark settings, its environment, its command line."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from include.local_aws.calls import Json, Settings
from include.local_aws.glue_jobs.arguments import Arguments, listed, script_arguments, spark_settings
from include.local_aws.glue_jobs.spark_home import prepare_spark_home
from include.local_aws.service_roles import RoleSession

HEAP = os.environ.get("LOCAL_AWS_SPARK_HEAP", "2g")
_ICEBERG_CATALOG = "org.apache.iceberg.spark.SparkCatalog"
_KEPT_FROM_PARENT = ("PATH", "LANG", "LC_ALL", "JAVA_HOME", "LD_LIBRARY_PATH", "LOCAL_AWS_MAKE_ARCHIVE")


@dataclass(frozen=True)
class Launch:
    """A process to start in `folder`."""

    command: list[str]
    environment: dict[str, str]
    folder: Path


def prepare_launch(
    job: Json, run_id: str, arguments: Arguments, role: RoleSession, settings: Settings, folder: Path
) -> Launch:
    """Fetch the script and its files with the job's own role and write the Spark settings.

    Raises ClientError when the role may not read a file, ValueError for arguments that Glue would not take.
    """
    folder.mkdir(parents=True)
    s3 = _s3(role, settings)
    script = _fetch(s3, str((job.get("Command") or {}).get("ScriptLocation", "")), folder)
    libraries = [_fetch(s3, url, folder / "lib") for url in listed(arguments, "--extra-py-files")]
    for url in listed(arguments, "--extra-files"):
        _fetch(s3, url, folder)
    _write_spark_settings(arguments, settings, folder)
    environment = _environment(role, settings, folder, libraries)
    command = [str(settings.spark_python), str(script), *script_arguments(arguments, str(job["Name"]), run_id)]
    return Launch(command, environment, folder)


def _s3(role: RoleSession, settings: Settings) -> Any:
    return boto3.client(
        "s3", endpoint_url=settings.endpoint_url, region_name=settings.region, aws_access_key_id=role.identity.access_key_id,
        aws_secret_access_key=role.secret_key, aws_session_token=role.token, config=Config(s3={"addressing_style": "path"}),
    )  # fmt: skip


def _fetch(s3: Any, url: str, folder: Path) -> Path:
    bucket, _, key = url.removeprefix("s3://").partition("/")
    if not url.startswith("s3://") or not key:
        raise ValueError(f"{url!r} is no file in S3: write s3://bucket/key")
    folder.mkdir(exist_ok=True)
    path = folder / key.rpartition("/")[2]
    s3.download_file(bucket, key, str(path))
    return path


def _environment(role: RoleSession, settings: Settings, folder: Path, libraries: list[Path]) -> dict[str, str]:
    """Only the role's temporary credentials; zips on the path themselves, modules by their folder."""
    paths = dict.fromkeys(str(one if one.suffix in (".zip", ".egg", ".whl") else one.parent) for one in libraries)
    kept = {name: os.environ[name] for name in _KEPT_FROM_PARENT if name in os.environ}
    return kept | {
        "AWS_ENDPOINT_URL": settings.endpoint_url,
        "AWS_REGION": settings.region,
        "AWS_DEFAULT_REGION": settings.region,
        "AWS_ACCESS_KEY_ID": role.identity.access_key_id,
        "AWS_SECRET_ACCESS_KEY": role.secret_key,
        "AWS_SESSION_TOKEN": role.token,
        "AWS_EC2_METADATA_DISABLED": "true",
        "HOME": str(folder),
        "TMPDIR": str(_made(folder / "tmp")),
        "TZ": "UTC",
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONUNBUFFERED": "1",
        "PYSPARK_PYTHON": str(settings.spark_python),
        "SPARK_HOME": str(prepare_spark_home(settings.spark_python, settings.jars, HEAP)),
        "SPARK_CONF_DIR": str(folder / "conf"),
        "SPARK_LOCAL_IP": "127.0.0.1",
    }


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder


def _write_spark_settings(arguments: Arguments, settings: Settings, folder: Path) -> None:
    declared = spark_settings(arguments)
    formats = listed(arguments, "--datalake-formats")
    if formats and formats != ["iceberg"]:
        raise ValueError(f"--datalake-formats {','.join(formats)}: local Glue has iceberg only")
    chosen = {**_glue_settings(), **declared, **_local_settings(declared, settings, folder)}
    conf = _made(folder / "conf")
    lines = [f"{name} {_escaped(value)}\n" for name, value in chosen.items()]
    (conf / "spark-defaults.conf").write_text("".join(lines))


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n")


def _glue_settings() -> dict[str, str]:
    """What Glue 6.0 sets where the job does not."""
    return {"spark.sql.ansi.enabled": "true", "spark.sql.session.timeZone": "UTC"}


def _local_settings(declared: Mapping[str, str], settings: Settings, folder: Path) -> dict[str, str]:
    """What only a laptop needs: one small JVM, and every endpoint on local AWS."""
    catalogs = [
        name for name, value in declared.items() if name.startswith("spark.sql.catalog.") and value == _ICEBERG_CATALOG
    ]
    endpoints = {
        "glue.endpoint": settings.endpoint_url,
        "s3.endpoint": settings.endpoint_url,
        "s3.path-style-access": "true",
        "client.region": settings.region,
    }
    local = {f"{catalog}.{name}": value for catalog in catalogs for name, value in endpoints.items()}
    s3a = "org.apache.hadoop.fs.s3a.S3AFileSystem"
    return local | {
        "spark.master": "local[2]",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.memory": HEAP,
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.local.dir": str(_made(folder / "spill")),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.hadoop.fs.s3.impl": s3a,
        "spark.hadoop.fs.s3a.impl": s3a,
        "spark.hadoop.fs.s3a.endpoint": settings.endpoint_url,
        "spark.hadoop.fs.s3a.endpoint.region": settings.region,
        "spark.hadoop.fs.s3a.path.style.access": "true",
        "spark.hadoop.fs.s3a.connection.ssl.enabled": "false",
    }
