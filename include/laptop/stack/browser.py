"""Look at the running stack in a real browser: Debian's Chromium, driven from an environment of its own."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from include.laptop import paths
from include.laptop.setup.commands import run
from include.laptop.setup.environments import install_uv
from include.laptop.setup.errors import SetupError
from include.laptop.stack.folder import READY, StackFolder
from include.laptop.stack.processes import find_supervisor

PLAYWRIGHT = "playwright==1.65.2"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ENVIRONMENT = paths.LOCAL / "envs" / "browser"
IMAGES = paths.ROOT / "docs" / "images"
CEILING_S = 600


class NoBrowserError(Exception):
    """There is nothing to look with; the message says what to install."""


def find_browser() -> str:
    """The path of a Chromium; raise ``NoBrowserError`` where there is none."""
    for name in BROWSERS:
        if path := shutil.which(name):
            return path
    raise NoBrowserError("there is no Chromium: Debian has it as chromium (apt-get install chromium)")


def install_driver() -> Path:
    """Make the environment that drives the browser, once; raise ``NoBrowserError`` where it cannot be had."""
    python = paths.python_of(ENVIRONMENT)
    stamp = ENVIRONMENT / "installed"
    if not (stamp.exists() and stamp.read_text() == PLAYWRIGHT):
        try:
            uv = install_uv(print)
            run(
                [uv, "venv", "-q", "--no-project", "--clear", "--python", sys.executable, ENVIRONMENT], "making browser"
            )
            run([uv, "pip", "install", "-q", "--python", python, PLAYWRIGHT], "installing Playwright")
        except SetupError as error:
            raise NoBrowserError(str(error)) from error
        stamp.write_text(PLAYWRIGHT)
    return python


def look(url: str, pipeline: str, images: Path | None = None) -> dict[str, Any]:
    """What a person finds on the pipeline's pages at ``url``; with ``images`` also as pictures in that folder."""
    browser, python = find_browser(), install_driver()
    command = [str(python), "-m", "include.laptop.stack.pages", url, pipeline, "--browser", browser]
    if images is not None:
        images.mkdir(parents=True, exist_ok=True)
        command += ["--images", str(images)]
    environment = {**os.environ, "PYTHONPATH": str(paths.ROOT)}
    finished = subprocess.run(
        command, capture_output=True, text=True, timeout=CEILING_S, cwd=paths.ROOT, env=environment, check=False
    )
    if finished.returncode != 0:
        raise RuntimeError(f"the browser did not find its way:\n{finished.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(finished.stdout.splitlines()[-1])
    return found


def main() -> int:
    """Take the pictures; 1 with the reason where the stack is not up or there is no browser."""
    parser = argparse.ArgumentParser(prog="make screenshots", description=__doc__)
    parser.add_argument("command", choices=("screenshots",))
    parser.add_argument("--pipeline", default="campaign")
    options = parser.parse_args()
    folder = StackFolder()
    state = folder.read_state()
    if state is None or state.phase != READY or find_supervisor(state, folder) is None:
        print("the stack is not up: `make up` first, and wait until the hourly run is green", file=sys.stderr)
        return 1
    try:
        found = look(state.url, options.pipeline, IMAGES)
    except NoBrowserError as error:
        print(error, file=sys.stderr)
        return 1
    for picture in found["pictures"]:
        print(Path(picture).relative_to(paths.ROOT))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
