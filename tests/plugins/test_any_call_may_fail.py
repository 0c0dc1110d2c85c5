"""Whatever call to AWS fails, and wherever a task is killed: a retry, or the next run, ends with every change once.

Real tasks on the simulated AWS. Every call that changes something is struck in every run of the tests, every other one
in the long run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError
from lake_airflow.errors import WaitFailedError
from lake_airflow.operators.merge import GlueBatchOperator

from include.dynamo_lake.errors import TerminalError
from tests.histories.images import MAIN_KEYS
from tests.plugins.simulation.lakes import Lakeside, item, lakeside
from tests.plugins.simulation.runs import Kind, SimulatedRun
from tests.plugins.simulation.wire import KilledError, Strike

CHANGES = ("put_", "start_", "export_", "update_", "create_", "copy_", "delete_", "stop_", "receive_")


def refused(code: str, status: int) -> Callable[[], NoReturn]:
    def strike() -> NoReturn:
        response: Any = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
        raise ClientError(response, "Operation")

    return strike


def killed() -> NoReturn:
    raise KilledError


def unheard() -> NoReturn:
    raise ConnectTimeoutError(endpoint_url="https://aws")


def unanswered() -> NoReturn:
    raise ReadTimeoutError(endpoint_url="https://aws")


STRIKES: dict[str, tuple[Any, Callable[[], NoReturn]]] = {
    "throttled": ("before", refused("ThrottlingException", 400)),
    "an internal error": ("before", refused("InternalServerError", 500)),
    "an internal error after the work was done": ("after", refused("ServiceUnavailable", 503)),
    "expired credentials": ("before", refused("ExpiredTokenException", 400)),
    "no connection": ("before", unheard),
    "a lost answer": ("after", unanswered),
    "killed before it": ("before", killed),
    "killed after it": ("after", killed),
}


@contextmanager
def an_hour_behind(pipeline: str) -> Iterator[Lakeside]:
    """A bootstrapped lake and an hour of changes that nobody has taken yet."""
    with lakeside(pipeline) as made:
        made.world.write(MAIN_KEYS[0], item("t1"))
        made.world.write(MAIN_KEYS[1], item("t1", "t2"))
        SimulatedRun(made.world, "bootstrap").finish()
        made.change()
        made.wire.calls.clear()
        yield made


def places(pipeline: str, kind: Kind, *, is_change: bool) -> list[int]:
    """The numbers of an undisturbed run's calls that change something, or of the others."""
    with an_hour_behind(pipeline) as made:
        SimulatedRun(made.world, kind).finish()
        names = (name.partition(".")[2] for name in made.wire.calls)
        return [number for number, name in enumerate(names) if name.startswith(CHANGES) == is_change]


def strike(made: Lakeside, kind: Kind, number: int, name: str) -> SimulatedRun:
    """Begin a run and let call ``number`` fail; a retry must be able to help."""
    when, what = STRIKES[name]
    made.wire.strike = Strike(number, when, what)
    run = SimulatedRun(made.world, kind)
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - whatever the task makes of it
        run.finish()
    assert not isinstance(caught.value, TerminalError | AssertionError), f"call {number}: {caught.value!r}"
    made.wire.strike = None
    return run


def retry(made: Lakeside, run: SimulatedRun) -> None:
    """The task is tried again, and the run goes on; what a run on change does not read comes with the hourly one."""
    run.finish()
    if run.kind == "on_change":
        SimulatedRun(made.world, "hourly").finish()


def abandon(made: Lakeside, run: SimulatedRun) -> None:
    """Nobody looks after the run; an hour later comes the next."""
    made.change()
    SimulatedRun(made.world, "hourly").finish()


Follow = Callable[[Lakeside, SimulatedRun], None]
KINDS = pytest.mark.parametrize("kind", ["hourly", "on_change"])
FOLLOWED = pytest.mark.parametrize("follow", [retry, abandon])
# One strike of each kind in every run of the tests; those that code could tell apart only by the error's name are long together.
QUICK = {"throttled", "a lost answer", "killed after it"}
STRUCK = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.deep]) for name in STRIKES]
)


@STRUCK
@FOLLOWED
@KINDS
def test_a_call_that_changes_something_may_fail(pipeline: str, kind: Kind, name: str, follow: Follow) -> None:
    for number in places(pipeline, kind, is_change=True):
        fail_and_follow(pipeline, kind, number, name, follow)


# Before and after are one for a call that changes nothing.
@pytest.mark.deep
@pytest.mark.parametrize("name", ["throttled", "killed before it"])
@FOLLOWED
@KINDS
def test_a_call_that_only_looks_may_fail(pipeline: str, kind: Kind, name: str, follow: Follow) -> None:
    for number in places(pipeline, kind, is_change=False):
        fail_and_follow(pipeline, kind, number, name, follow)


def fail_and_follow(pipeline: str, kind: Kind, number: int, name: str, follow: Follow) -> None:
    with an_hour_behind(pipeline) as made:
        follow(made, strike(made, kind, number, name))
        made.require_sound()


@FOLLOWED
def test_any_wait_may_fail(pipeline: str, follow: Follow) -> None:
    with an_hour_behind(pipeline) as undisturbed:
        began = undisturbed.world.waits
        SimulatedRun(undisturbed.world, "hourly").finish()
        ended = undisturbed.world.waits
    for number in range(began, ended):
        with an_hour_behind(pipeline) as made:
            made.world.broken_wait = number
            run = SimulatedRun(made.world, "hourly")
            with pytest.raises(WaitFailedError):
                run.finish()
            follow(made, run)
            made.require_sound()


def test_a_task_that_does_not_look_for_its_batchs_run_would_pay_for_a_second(
    pipeline: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tests above can fail: here is what they guard against."""
    monkeypatch.setattr(GlueBatchOperator, "_find_run", lambda operator: None)
    with an_hour_behind(pipeline) as undisturbed:
        SimulatedRun(undisturbed.world, "hourly").finish()
        started = undisturbed.wire.calls.index("glue.start_job_run")
    with an_hour_behind(pipeline) as made:
        retry(made, strike(made, "hourly", started, "a lost answer"))
        assert "has run" in made.world.violations[0]
