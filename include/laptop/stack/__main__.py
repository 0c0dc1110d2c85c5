"""``make up`` and ``make down``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from include.laptop.stack.commands import down, up
from include.laptop.stack.errors import StackError
from include.laptop.stack.folder import StackFolder


def main() -> int:
    """Return 0 when the stack is up (or down), 1 with the reason where it is not."""
    parser = argparse.ArgumentParser(prog="make up", description=__doc__)
    parser.add_argument("command", choices=("up", "down"))
    parser.add_argument("--traffic", type=int, choices=(0, 1), default=1, help="0: no writes once the stack is up")
    parser.add_argument("--dags", type=Path, help="a folder with DAG files of your own, beside the pipelines'")
    options = parser.parse_args()
    try:
        if options.command == "down":
            return down(StackFolder())
        return up(StackFolder(), traffic=bool(options.traffic), dags=options.dags)
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopping what was started", file=sys.stderr)
        down(StackFolder())
        return 130


if __name__ == "__main__":
    raise SystemExit(main())
