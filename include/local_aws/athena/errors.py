"""Why a query cannot run or did not end well, in Athena's words."""

from __future__ import annotations

from sqlglot import exp


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


def position_of(node: exp.Expr | None) -> tuple[int, int] | None:
    """Line and column (from 1) at which an identifier starts, if the parser kept them."""
    parts = [one.meta for one in node.find_all(exp.Identifier) if one.meta] if node is not None else []
    meta = min(parts, key=lambda one: int(one.get("start", 0)), default={})
    if not {"line", "col", "start", "end"} <= meta.keys():
        return None
    return int(meta["line"]), int(meta["col"]) - (int(meta["end"]) - int(meta["start"]))


def missing_column(name: str, node: exp.Expr | None) -> QueryFailedError:
    """No table of the query has the column that `node` names."""
    if name.startswith("$"):
        return QueryFailedError("NOT_SUPPORTED", f'local Athena has no hidden column {name}: query "<table>$files"')
    return QueryFailedError("COLUMN_NOT_FOUND", f"Column '{name}' cannot be resolved", position=position_of(node))
