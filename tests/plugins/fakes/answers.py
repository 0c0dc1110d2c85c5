"""What all the fake clients answer with: the date, refusals, pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

NOW = datetime(2026, 11, 24, 2, 0, 3, tzinfo=UTC)
DATE = {"ResponseMetadata": {"HTTPHeaders": {"date": "Tue, 24 Nov 2026 02:00:03 GMT"}}}
REGION = "eu-central-1"


def refusal(code: str, message: str = "no") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


class Meta:
    region_name = REGION


class Pages:
    """A paginator over one answer."""

    def __init__(self, answer: Callable[..., dict[str, Any]]) -> None:
        self.answer = answer

    def paginate(self, **arguments: Any) -> Iterator[dict[str, Any]]:
        yield self.answer(**arguments)
