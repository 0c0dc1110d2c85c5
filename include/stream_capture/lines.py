"""One stream record becomes one line of a change file, or is refused with a reason."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from include.dynamo_lake.declaration import Source
from include.dynamo_lake.errors import ChangeFileError, TerminalError
from include.dynamo_lake.statements import Line, parse_inbox_line

_WITH_IMAGE = ("INSERT", "MODIFY")
_DELETION = "REMOVE"
_MICROS = 1_000_000


class PoisonRecordError(TerminalError):
    """A stream record cannot become a line that the merge can read; the message is the reason."""


@dataclass(frozen=True)
class ChangeLine:
    """A line without its line feed; ``second`` is the record's creation, rounded down, in seconds since 1970."""

    text: str
    second: int


def build_line(record: Mapping[str, Any], source: Source) -> ChangeLine:
    """Build the line of one record of ``source``'s stream.

    Raises:
        PoisonRecordError: with the reason, also where the merge's own parser refuses the line.
    """
    change = record.get("dynamodb")
    if not isinstance(change, Mapping):
        raise PoisonRecordError("it has no object 'dynamodb'")
    second = _second(change.get("ApproximateCreationDateTime"))
    line: dict[str, Any] = {
        "Metadata": {"WriteTimestampMicros": {"N": str(second * _MICROS)}, "ApproximateCreationSecond": second},
        "SequenceNumber": change.get("SequenceNumber"),
        "Keys": change.get("Keys"),
    }
    image = _image(record.get("eventName"), change)
    if image is not None:
        line["NewImage"] = image
    text = json.dumps(line, ensure_ascii=False, separators=(",", ":"))
    _check(text, source)
    return ChangeLine(text, second)


def _image(event_name: Any, change: Mapping[str, Any]) -> Any:
    """The image after the write; None for a deletion, whatever images the record carries."""
    if event_name == _DELETION:
        return None
    if event_name not in _WITH_IMAGE:
        raise PoisonRecordError(f"its eventName is {event_name!r}, not INSERT, MODIFY or REMOVE")
    image = change.get("NewImage")
    if image is None:
        view = change.get("StreamViewType")
        raise PoisonRecordError(
            f"it has no NewImage (the stream's view type is {view}): turn the table's stream off and on with "
            "StreamViewType=NEW_IMAGE, then deploy again, because the stream's ARN changes"
        )
    return image


def _second(created: Any) -> int:
    if isinstance(created, bool) or not isinstance(created, int | float) or created < 0:
        raise PoisonRecordError(f"its ApproximateCreationDateTime is {created!r}, not seconds since 1970")
    try:
        return int(created)
    except (ValueError, OverflowError) as error:
        raise PoisonRecordError(f"its ApproximateCreationDateTime is {created!r}: {error}") from error


def _check(text: str, source: Source) -> None:
    """One unreadable line would fail the whole merge: refuse here what would be refused there."""
    try:
        text.encode()
        parse_inbox_line(source, text, Line("the record", 1))
    except (ChangeFileError, UnicodeEncodeError) as error:
        raise PoisonRecordError(f"the merge could not read it: {error}") from error
