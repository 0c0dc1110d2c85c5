"""A Spark home of local AWS's own, whose `spark-submit` starts the JVM directly and shares its classes.

Spark's own script starts a JVM that only computes the second JVM's command line, and puts a folder on the class path,
which rules out class-data sharing. `python -m include.local_aws.glue_jobs.class_data` makes the archive, once: jobs start
without it too, only slower.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

_OPENED = (
    "java.base/java.lang", "java.base/java.lang.invoke", "java.base/java.lang.reflect", "java.base/java.io", "java.base/java.net",
    "java.base/java.nio", "java.base/java.util", "java.base/java.util.concurrent", "java.base/java.util.concurrent.atomic",
    "java.base/jdk.internal.ref", "java.base/sun.nio.ch", "java.base/sun.nio.cs", "java.base/sun.security.action",
    "java.base/sun.util.calendar", "java.security.jgss/sun.security.krb5",
)  # fmt: skip
_SCRIPT = """#!/bin/sh
# Made by local AWS: starts Spark's JVM directly, with shared class data.
archive="{home}/classes.jsa"
java="${{JAVA_HOME:+$JAVA_HOME/bin/}}java"
if [ -f "$archive" ]; then
  exec "$java" -XX:SharedArchiveFile="$archive" {options} -cp "{class_path}" org.apache.spark.deploy.SparkSubmit "$@"
elif [ -n "$LOCAL_AWS_MAKE_ARCHIVE" ] && mkdir "{home}/making" 2>/dev/null; then
  "$java" -XX:ArchiveClassesAtExit="{home}/making/classes.jsa" {options} \\
    -cp "{class_path}" org.apache.spark.deploy.SparkSubmit "$@"
  status=$?
  mv "{home}/making/classes.jsa" "$archive" 2>/dev/null
  rm -rf "{home}/making"
  exit $status
else
  exec "$java" {options} -cp "{class_path}" org.apache.spark.deploy.SparkSubmit "$@"
fi
"""


def prepare_spark_home(spark_python: Path, jars: Path, heap: str) -> Path:
    """Make the Spark home for this Python's pyspark and these jars, once, and return it.

    Raises FileNotFoundError when pyspark or the jars are missing.
    """
    pyspark = next(iter(spark_python.parent.parent.glob("lib/python*/site-packages/pyspark")), None)
    added = sorted(jars.glob("*.jar"))
    if pyspark is None or not added:
        missing = f"pyspark beside {spark_python}" if pyspark is None else f"Spark's jars in {jars}"
        raise FileNotFoundError(f"{missing} not found: run `make setup`")
    class_path = ":".join(str(jar) for jar in [*sorted((pyspark / "jars").glob("*.jar")), *added])
    options = _options(heap)
    key = hashlib.sha256(f"{_SCRIPT} {class_path} {options} {os.environ.get('JAVA_HOME')}".encode()).hexdigest()[:12]
    home = jars.parent / "spark" / key
    if not (home / "bin" / "spark-submit").exists():
        _make(home, pyspark, class_path, options)
    return home


def _make(home: Path, pyspark: Path, class_path: str, options: str) -> None:
    (home / "bin").mkdir(parents=True, exist_ok=True)
    for name in ("jars", "python"):
        if not (home / name).is_symlink():
            (home / name).symlink_to(pyspark / name)
    script = home / "bin" / "spark-submit"
    partial = script.with_suffix(f".{os.getpid()}")
    partial.write_text(_SCRIPT.format(home=home, class_path=class_path, options=options))
    partial.chmod(0o755)
    partial.replace(script)


def _options(heap: str) -> str:
    opened = [f"--add-opens={package}=ALL-UNNAMED" for package in _OPENED]
    fixed = [
        "-Xmx" + heap,
        "-XX:+UseSerialGC",
        # A short job spends most of its time compiling: the quick compiler alone needs half the CPU seconds.
        "-XX:TieredStopAtLevel=1",
        "-XX:+IgnoreUnrecognizedVMOptions",
        "--enable-native-access=ALL-UNNAMED",
    ]
    properties = [
        "jdk.reflect.useDirectMethodHandle=false",
        "io.netty.tryReflectionSetAccessible=true",
        "user.timezone=UTC",
    ]
    return " ".join([*fixed, *opened, *(f"-D{one}" for one in properties)])
