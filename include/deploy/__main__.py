"""``make deploy`` and ``make destroy``: the commands over declared environments.

``python -m include.deploy deploy|destroy --env NAME``. Exit status: 0 done, 1 AWS or its state refused, 2 usage.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from include.deploy.destroy import Deletion, destroy
from include.deploy.environments import Environment, UnknownEnvironmentError, read_environment, require_pipeline
from include.deploy.release import Release
from include.deploy.stack import Say
from include.dynamo_lake.errors import DeclarationError, LakeError

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status."""
    options = _parser().parse_args(arguments)
    started = time.monotonic()

    def say(line: str) -> None:
        print(f"[{time.monotonic() - started:6.1f} s] {line}", flush=True)

    try:
        environment = read_environment(ROOT, options.env)
        if options.pipeline:
            # What is taken away need not be declared any more.
            if options.command == "deploy":
                require_pipeline(environment, options.pipeline)
            environment = dataclasses.replace(environment, pipelines=(options.pipeline,))
        _COMMANDS[options.command](environment, options, say)
    except (UnknownEnvironmentError, DeclarationError) as error:
        return _refuse(error, 2)
    except (LakeError, BotoCoreError, ClientError) as error:
        return _refuse(error, 1)
    say(f"{options.command} {environment.name}: done")
    return 0


def _deploy(environment: Environment, options: argparse.Namespace, say: Say) -> None:
    release = Release(ROOT, environment, environment.session(), environment.mwaa_session(), say, time.sleep)
    deployed = release.run(dry_run=options.dry_run)
    if options.env_file:
        lines = [f"{name}={value}\n" for one in deployed for name, value in one.settings.items()]
        options.env_file.write_text("".join(lines))
        say(f"wrote {options.env_file}")


def _destroy(environment: Environment, options: argparse.Namespace, say: Say) -> None:
    deletion = Deletion(options.confirm) if options.delete_data else None
    mwaa = environment.mwaa_session().client("mwaa") if environment.mwaa else None
    destroy(environment.session(), environment, deletion, say, mwaa=mwaa)


_COMMANDS = {"deploy": _deploy, "destroy": _destroy}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m include.deploy", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in _COMMANDS:
        command = commands.add_parser(name)
        command.add_argument("--env", required=True, help="a table of include/infra/environments.toml")
        command.add_argument("--pipeline", help="one pipeline alone (default: the environment's)")
    commands.choices["deploy"].add_argument("--dry-run", action="store_true", help="only show what would change")
    commands.choices["deploy"].add_argument(
        "--env-file",
        type=Path,
        help="write the Airflow settings there, one NAME=value a line (an Airflow that is not MWAA)",
    )
    commands.choices["destroy"].add_argument("--delete-data", action="store_true", help="bucket, databases, key too")
    commands.choices["destroy"].add_argument("--confirm", default="", help="the bucket whose data is deleted")
    return parser


def _refuse(error: Exception, status: int) -> int:
    print(error, file=sys.stderr)
    return status


if __name__ == "__main__":
    raise SystemExit(main())
