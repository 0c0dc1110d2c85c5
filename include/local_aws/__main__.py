"""`python -m include.local_aws`: local AWS in the foreground, until Ctrl-C."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from include.local_aws.server import ROOT, Options, serve

# Resolved: copies of a checkout share its environments, and with them the class archive, which is bound to its paths.
LOCAL = (ROOT / ".local").resolve()


def parse_options(arguments: list[str] | None = None) -> Options:
    parser = argparse.ArgumentParser(prog="python -m include.local_aws", description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT / ".local" / "aws", help="folder for all it writes")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--region", default=os.environ.get("AWS_REGION", "eu-central-1"))
    parser.add_argument("--env-file", type=Path, help="written when ready, KEY=value a line")
    parser.add_argument("--clock", default=os.environ.get("CLOCK"), help="start in the past: an ISO instant")
    parser.add_argument("--spark-python", type=Path, default=LOCAL / "envs" / "airflow" / "bin" / "python")
    parser.add_argument("--jars", type=Path, default=LOCAL / "jars")
    parser.add_argument("--die-with-parent", action="store_true", help="stop when the starting process is gone")
    given = parser.parse_args(arguments)
    return Options(
        given.data.resolve(),
        given.port,
        given.region,
        given.env_file,
        given.clock,
        given.spark_python,
        given.jars,
        given.die_with_parent,
    )


if __name__ == "__main__":
    raise SystemExit(serve(parse_options()))
