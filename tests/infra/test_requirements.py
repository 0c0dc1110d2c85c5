"""What MWAA is asked to install fits its image: every package that follows from requirements.txt has a version that all accept.

Needs no network: the checkout's environment was installed under the same constraints, and its metadata is followed.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import distribution

from packaging.markers import Environment, default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.infra.template import ROOT

# Airflow itself is the image's and stands in no constraints file of its own.
AIRFLOW = {"apache-airflow": "3.3.1", "apache-airflow-core": "3.3.1", "apache-airflow-task-sdk": "1.3.1"}


def _lines(path: str) -> list[Requirement]:
    lines = (ROOT / path).read_text().splitlines()
    return [Requirement(line) for line in lines if line and line[0] not in "# "]


PINS = {
    canonicalize_name(pin.name): str(pin.specifier).removeprefix("==")
    for pin in _lines("include/laptop/setup/mwaa-3.3.1-constraints.txt")
} | AIRFLOW


def _mwaa() -> Environment:
    """MWAA's interpreter, whatever the checkout's is."""
    return default_environment() | {"python_version": "3.12", "python_full_version": "3.12.11", "sys_platform": "linux"}  # type: ignore[return-value]


def _needs(requirement: Requirement) -> Iterator[Requirement]:
    """What a package and its named extras need on MWAA."""
    environment = _mwaa()
    for text in distribution(requirement.name).requires or []:
        needed = Requirement(text)
        extras = {"", *requirement.extras}
        if needed.marker is None or any(needed.marker.evaluate({**environment, "extra": one}) for one in extras):
            yield needed


def _closure() -> dict[tuple[str, frozenset[str]], list[Requirement]]:
    """Every requirement that follows, by package and its extras."""
    found: dict[tuple[str, frozenset[str]], list[Requirement]] = {}
    waiting = _lines("requirements.txt")
    while waiting:
        one = waiting.pop()
        key = (canonicalize_name(one.name), frozenset(one.extras))
        if key not in found:
            waiting += _needs(one)
        found.setdefault(key, []).append(one)
    return found


def test_the_requirements_resolve_against_mwaas_pins() -> None:
    closure = _closure()
    unpinned = {name for name, _ in closure} - PINS.keys()
    assert unpinned == set(), "the image would install a version that nobody has tried"
    refused = [str(one) for wanted in closure.values() for one in wanted if not _accepts(one)]
    assert refused == []
    assert ("apache-airflow-providers-amazon", frozenset({"aiobotocore"})) in closure


def _accepts(requirement: Requirement) -> bool:
    return requirement.specifier.contains(PINS[canonicalize_name(requirement.name)], prereleases=True)


def test_the_checkout_runs_the_pinned_versions() -> None:
    other = {name: distribution(name).version for name, _ in _closure() if distribution(name).version != PINS[name]}
    assert other == {}


def test_a_requirement_that_contradicts_a_pin_is_found() -> None:
    assert not _accepts(Requirement("boto3<1.43"))
