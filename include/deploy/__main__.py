"""Deploy one pipeline with the ambient AWS credentials, region and endpoint.

``python -m include.deploy --pipeline NAME``. Exit status: 0 done, 1 AWS or its state
refused, 2 bad declaration or usage.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from include.deploy.deployment import Choices, deploy
from include.dynamo_lake.declaration import read_declaration
from include.dynamo_lake.errors import DeclarationError, LakeError

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: list[str] | None = None) -> int:
    """Run one deployment and return its exit status."""
    options = _parser().parse_args(arguments)
    started = time.monotonic()

    def say(line: str) -> None:
        print(f"[{time.monotonic() - started:5.1f} s] {line}", flush=True)

    try:
        pipeline = read_declaration(options.pipeline)
        choices = Choices(options.adopt_tables, options.airflow_principal, options.reader_principal)
        deployed = deploy(boto3.Session(), ROOT, pipeline, choices, say)
    except DeclarationError as error:
        return _refuse(error, 2)
    except (LakeError, BotoCoreError, ClientError) as error:
        return _refuse(error, 1)
    if options.env_file:
        lines = "".join(f"{name}={value}\n" for name, value in deployed.settings.items())
        options.env_file.write_text(lines)
        say(f"wrote {options.env_file}")
    say(f"stack {deployed.stack} is deployed, code {deployed.outputs['CodeVersion'][:12]}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m include.deploy", description="Deploy one pipeline.")
    parser.add_argument("--pipeline", required=True, help="name of the declaration, include/pipelines/<name>.toml")
    parser.add_argument(
        "--adopt-tables",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="use source tables that exist instead of creating them (default: as the stack has it; first: create)",
    )
    parser.add_argument("--airflow-principal", help="ARN that may assume the Airflow role (first deployment)")
    parser.add_argument("--reader-principal", help="ARN that may assume the reader role (first deployment)")
    parser.add_argument("--env-file", type=Path, help="write the Airflow settings there, one NAME=value a line")
    return parser


def _refuse(error: Exception, status: int) -> int:
    print(error, file=sys.stderr)
    return status


if __name__ == "__main__":
    raise SystemExit(main())
