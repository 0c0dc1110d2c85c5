"""The jars that a Glue job brings along on AWS: fetched once with pyspark's bundled Ivy, verified against checksums kept here."""

from __future__ import annotations

import hashlib
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from include.laptop import paths
from include.laptop.setup.commands import run
from include.laptop.setup.environments import Say
from include.laptop.setup.errors import SetupError

CHECKSUMS = Path(__file__).with_name("jars.sha256")


@dataclass(frozen=True)
class Jar:
    """One jar without its dependencies: Maven coordinates and the SHA-256 of its file."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def path(self) -> Path:
        return paths.JARS / f"{self.artifact}-{self.version}.jar"

    def is_good(self) -> bool:
        return self.path.exists() and hashlib.sha256(self.path.read_bytes()).hexdigest() == self.sha256


def read_jars() -> tuple[Jar, ...]:
    """The jars of ``jars.sha256``: a checksum and ``group:artifact:version`` a line."""
    rows = (line.split() for line in CHECKSUMS.read_text().splitlines())
    return tuple(_read_jar(sha256, *coordinates.split(":")) for sha256, coordinates in rows)


def _read_jar(sha256: str, group: str, artifact: str, version: str) -> Jar:
    return Jar(group, artifact, version, sha256)


def fetch(java_home: Path, say: Say) -> None:
    """Fetch what is missing or damaged into ``.local/jars``; raise ``SetupError`` for a jar that is not the expected one."""
    wanted = [jar for jar in read_jars() if not jar.is_good()]
    if not wanted:
        return
    say("Spark's Iceberg and S3 jars (113 MB)")
    with ThreadPoolExecutor(len(wanted)) as pool:
        list(pool.map(lambda jar: _fetch(jar, java_home), wanted))


def _fetch(jar: Jar, java_home: Path) -> None:
    spark_jars = next((paths.AIRFLOW_ENV / "lib").glob("python3.*/site-packages/pyspark/jars"))
    with tempfile.TemporaryDirectory(dir=paths.LOCAL) as cache:
        pattern = str(paths.JARS / "[artifact]-[revision].[ext]")
        ivy = [
            java_home / "bin" / "java",
            "-cp",
            f"{spark_jars}/*",
            "org.apache.ivy.Main",
            "-m2compatible",
            "-notransitive",
            "-warn",
        ]
        dependency = ["-cache", cache, "-dependency", jar.group, jar.artifact, jar.version, "-confs", "default"]
        run([*ivy, *dependency, "-retrieve", pattern], f"fetching {jar.path.name}")
    if not jar.is_good():
        jar.path.unlink(missing_ok=True)
        raise SetupError(
            f"{jar.path.name} is not the file that {CHECKSUMS.name} names: it was removed; run again, and do not use it if that repeats"
        )
