"""``python -m include.laptop.setup.linters``: the template's linters, installed when `make lint` first needs them."""

from __future__ import annotations

import fcntl
import hashlib
import sys

from include.laptop import paths
from include.laptop.setup import environments
from include.laptop.setup.errors import SetupError

REQUIREMENTS = paths.ROOT / "include" / "infra" / "requirements-lint.txt"
STAMP = paths.INFRA_ENV / "requirements.sha256"


def main() -> int:
    """Return 0 when the linters of these requirements are in place, 1 with one line where they cannot be."""
    wanted = hashlib.sha256(f"{sys.version_info[:2]} {paths.ROOT}".encode() + REQUIREMENTS.read_bytes()).hexdigest()
    try:
        with paths.SETUP_LOCK.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not STAMP.is_file() or STAMP.read_text() != wanted:
                environments.install_linters(environments.install_uv(print), REQUIREMENTS, print)
                STAMP.write_text(wanted)
    except SetupError as error:
        print(f"set-up: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
