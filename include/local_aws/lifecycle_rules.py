"""What a bucket's lifecycle rules take away at an instant, as S3 counts: days after an event, up to the next midnight UTC."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise
from xml.etree import ElementTree

from include.local_aws.calls import AwsError

_APPLIED = {
    "ID",
    "Status",
    "Filter",
    "Prefix",
    "Expiration",
    "NoncurrentVersionExpiration",
    "AbortIncompleteMultipartUpload",
    "Days",
    "NoncurrentDays",
    "DaysAfterInitiation",
    "ExpiredObjectDeleteMarker",
}


@dataclass(frozen=True)
class Rule:
    """One enabled rule; None: the rule does not say. ``clears_markers``: delete markers with nothing below them go."""

    prefix: str
    days: int | None
    noncurrent_days: int | None
    upload_days: int | None
    clears_markers: bool


@dataclass(frozen=True)
class Version:
    """A version of an object, or a delete marker, written at a local instant."""

    key: str
    version_id: str
    written_at: datetime
    is_latest: bool
    is_marker: bool


def parse_rules(document: bytes) -> list[Rule]:
    """Read a lifecycle configuration's enabled rules. Raises AwsError for what nothing here would apply."""
    try:
        root = ElementTree.fromstring(document)
    except ElementTree.ParseError as error:
        raise AwsError("MalformedXML", f"the lifecycle configuration is no XML: {error}", 400) from None
    rules = [rule for rule in root if _name(rule) == "Rule"]
    for element in (inner for rule in rules for inner in rule.iter() if inner is not rule):
        if _name(element) not in _APPLIED:
            raise AwsError(
                "NotImplementedByLocalAws",
                f"local AWS refuses {_name(element)} in a lifecycle rule: nothing would apply it",
                501,
            )
    return [_rule(one) for one in rules if _text(one, "Status") == "Enabled"]


def expired_versions(rules: Iterable[Rule], versions: Iterable[Version], now: datetime) -> Iterator[Version]:
    """The versions to take away now: a current one leaves a delete marker, all others go for good.

    ``versions``: as S3 lists them, newest first within a key.
    """
    rules = list(rules)
    for key, group in groupby(versions, key=lambda version: version.key):
        own = [rule for rule in rules if key.startswith(rule.prefix)]
        yield from _expired(own, list(group), now)


def is_past(start: datetime, days: int | None, now: datetime) -> bool:
    """Whether the midnight after ``days`` has come."""
    if days is None:
        return False
    due = start + timedelta(days=days)
    midnight = due.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return now >= (midnight if midnight == due else midnight + timedelta(days=1))


def _expired(rules: list[Rule], versions: list[Version], now: datetime) -> Iterator[Version]:
    newest = versions[0]
    if newest.is_marker and len(versions) == 1:
        if any(rule.clears_markers or is_past(newest.written_at, rule.days, now) for rule in rules):
            yield newest
    elif not newest.is_marker and any(is_past(newest.written_at, rule.days, now) for rule in rules):
        yield newest
    for newer, version in pairwise(versions):
        if any(is_past(newer.written_at, rule.noncurrent_days, now) for rule in rules):
            yield version


def _rule(element: ElementTree.Element) -> Rule:
    expiration = element.find("{*}Expiration")
    clears = expiration is not None and _text(expiration, "ExpiredObjectDeleteMarker") == "true"
    return Rule(
        prefix=_text(element, "Prefix"),
        days=_number(element, "Days"),
        noncurrent_days=_number(element, "NoncurrentDays"),
        upload_days=_number(element, "DaysAfterInitiation"),
        clears_markers=clears,
    )


def _number(element: ElementTree.Element, name: str) -> int | None:
    text = _text(element, name)
    return int(text) if text else None


def _text(element: ElementTree.Element, name: str) -> str:
    found = next((one for one in element.iter() if _name(one) == name), None)
    return (found.text or "").strip() if found is not None else ""


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]
