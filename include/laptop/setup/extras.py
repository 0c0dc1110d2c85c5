"""``python -m include.laptop.setup.extras lint|bench``: an environment that one command needs, made when it is first needed."""

from __future__ import annotations

import fcntl
import hashlib
import sys
from pathlib import Path

from include.laptop import paths
from include.laptop.setup import environments
from include.laptop.setup.errors import SetupError

EXTRAS: dict[str, tuple[Path, Path]] = {
    "lint": (paths.INFRA_ENV, paths.ROOT / "include" / "infra" / "requirements-lint.txt"),
    "bench": (paths.BENCH_ENV, paths.ROOT / "include" / "laptop" / "bench" / "requirements.txt"),
}


def main(name: str) -> int:
    """Return 0 when the environment of these requirements is in place, 1 with one line where it cannot be."""
    environment, requirements = EXTRAS[name]
    stamp = environment / "requirements.sha256"
    wanted = hashlib.sha256(f"{sys.version_info[:2]} {paths.ROOT}".encode() + requirements.read_bytes()).hexdigest()
    try:
        with paths.SETUP_LOCK.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not stamp.is_file() or stamp.read_text() != wanted:
                environments.install_extra(environments.install_uv(print), environment, requirements, print)
                stamp.write_text(wanted)
    except SetupError as error:
        print(f"set-up: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
