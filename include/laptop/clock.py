"""``make clock``: move the running local AWS's clock forward."""

from __future__ import annotations

import argparse
import sys
from urllib.error import HTTPError

from include.dynamo_lake.errors import TerminalError
from include.laptop.running import read_running
from include.local_aws.process import ask


def main() -> int:
    """Advance the clock and print the new present; 2 for a number of seconds that is not positive."""
    parser = argparse.ArgumentParser(prog="make clock", description=__doc__)
    parser.add_argument("--advance", type=int, required=True, help="seconds, more than 0: the clock never goes back")
    options = parser.parse_args()
    if options.advance <= 0:
        print(
            f"ADVANCE={options.advance}: give a positive number of seconds; the clock only goes forward",
            file=sys.stderr,
        )
        return 2
    try:
        answer = ask(read_running()["AWS_ENDPOINT_URL"], "POST", "/_local/clock", {"advance": options.advance})
    except HTTPError as error:
        print(f"ADVANCE={options.advance}: local AWS refuses: {error.read().decode(errors='replace')}", file=sys.stderr)
        return 1
    except (TerminalError, OSError) as error:
        print(f"ADVANCE={options.advance}: {error}", file=sys.stderr)
        return 1
    print(f"local AWS's present is now {answer['now']}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
