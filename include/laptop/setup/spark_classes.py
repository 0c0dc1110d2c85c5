"""Spark's shared classes: one small job is run the way every Glue job runs, so that later ones start in a third less time."""

from __future__ import annotations

from include.laptop import paths
from include.laptop.setup.commands import run
from include.laptop.setup.environments import Say


def make_archive(say: Say) -> None:
    """Run local AWS's warm-up job; it is also the proof that Java, Spark and the jars work together."""
    say("a first Spark job, whose classes all later ones share")
    command = [paths.python_of(paths.AWS_ENV), "-m", "include.local_aws.glue_jobs.class_data"]
    # The archive belongs to one Java: the one that local AWS starts jobs with.
    environment = {"PYTHONPATH": str(paths.ROOT), "JAVA_HOME": str(paths.JAVA_HOME_LINK)}
    run(command, "running a first Spark job", environment)
