"""Why a query cannot run or did not end well, in Athena's words."""

from __future__ import annotations


class MalformedQueryError(Exception):
    """The statement is refused when it is submitted (Athena's InvalidRequestException, MALFORMED_QUERY)."""


class QueryFailedError(Exception):
    """The query ends FAILED; `code` is Athena's error name, the text becomes `StateChangeReason`."""

    def __init__(self, code: str, message: str, *, category: int = 2, position: tuple[int, int] | None = None) -> None:
        """`category`: 1 system, 2 user, 3 other. `position`: line and column, from 1."""
        where = f"line {position[0]}:{position[1]}: " if position else ""
        super().__init__(f"{code}: {where}{message}")
        self.code = code
        self.category = category


class QueryCancelledError(Exception):
    """The query ends CANCELLED: somebody stopped it, or it would scan more than its workgroup allows."""
