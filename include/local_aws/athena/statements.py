"""Read one statement of Athena's dialect: what kind it is, its tree, its parameters put in."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import Literal

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from include.local_aws.athena.dialect import check_syntax
from include.local_aws.athena.errors import MalformedQueryError, QueryFailedError

Kind = Literal["query", "catalog", "explain", "refused"]

_QUOTED_OR_SYSTEM = re.compile(
    r"""('(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/)|\bfor\s+system_(version|time)\b""", re.IGNORECASE | re.DOTALL
)
_QUOTED_OR_HOLE = re.compile(r"""('(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/)|\?""", re.DOTALL)
_FIRST_WORDS = re.compile(
    r"^\s*(?:--[^\n]*\n\s*|/\*.*?\*/\s*)*\(*\s*([a-z]+)(?:\s+([a-z]+))?", re.IGNORECASE | re.DOTALL
)
_CATALOG_WORDS = {"SHOW", "DESCRIBE", "DESC"}
_REFUSED_DML = {"INSERT", "UPDATE", "DELETE", "MERGE", "UNLOAD", "OPTIMIZE", "VACUUM"}
_REFUSED_DDL = {
    "CREATE",
    "DROP",
    "ALTER",
    "MSCK",
    "TRUNCATE",
    "GRANT",
    "REVOKE",
    "PREPARE",
    "DEALLOCATE",
    "EXECUTE",
    "USING",
}


@dataclass(frozen=True)
class Statement:
    """One statement. `words` are its first two key words, upper case.

    `tree` is set for a query, and `filled`: its text with the parameters put in.
    """

    sql: str
    kind: Kind
    words: tuple[str, str]
    tree: exp.Query | None = None
    filled: str = ""

    @property
    def statement_type(self) -> str:
        """Athena's StatementType."""
        if self.kind in ("catalog", "explain"):
            return "UTILITY"
        return "DDL" if self.kind == "refused" and self.words[0] in _REFUSED_DDL else "DML"

    @property
    def substatement_type(self) -> str:
        if self.kind == "query":
            return "SELECT"
        return "_".join(word for word in self.words if word) if self.words[0] == "SHOW" else self.words[0]


def parse_statement(sql: str, parameters: list[str]) -> Statement:
    """Read one statement and put the execution parameters in for its `?`.

    Raises MalformedQueryError when it is not exactly one statement of the dialect.
    """
    text = sql.strip().rstrip(";").strip()
    match = _FIRST_WORDS.match(text)
    if match is None:
        raise MalformedQueryError(f"line 1:1: mismatched input {text[:20]!r}. Expecting: a statement")
    words = (match.group(1).upper(), (match.group(2) or "").upper())
    if words[0] in _CATALOG_WORDS:
        return Statement(text, "catalog", words)
    if words[0] == "EXPLAIN":
        return Statement(text, "explain", words)
    if words[0] in _REFUSED_DML | _REFUSED_DDL:
        return Statement(text, "refused", words)
    filled = _without_system_words(_put_parameters(text, parameters))
    return Statement(text, "query", words, _parse_query(filled), filled)


def refuse(statement: Statement) -> QueryFailedError:
    """Say that local Athena only reads."""
    if statement.kind == "explain":
        return QueryFailedError(
            "NOT_SUPPORTED", "local Athena does not explain plans: run the query and read DataScannedInBytes"
        )
    what = " ".join(word for word in statement.words if word)
    return QueryFailedError(
        "NOT_SUPPORTED",
        f"local Athena only reads: {what} is refused. Tables are written by Spark (a Glue job), and views cannot be made here",
    )


def _parse_query(text: str) -> exp.Query:
    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    try:
        trees = sqlglot.parse(text, read="athena")
    except SqlglotError as error:
        raise MalformedQueryError(_parse_message(error)) from error
    if len(trees) != 1:
        raise MalformedQueryError(f"Only one sql statement is allowed. Got: {text}")
    tree = trees[0]
    if isinstance(tree, exp.Subquery):
        tree = tree.unnest()
    if not isinstance(tree, exp.Query):
        first = text.split(maxsplit=1)[0] if text else ""
        raise MalformedQueryError(
            f"line 1:1: mismatched input {first!r}. Expecting: 'SELECT', 'SHOW', 'DESCRIBE', 'WITH', ..."
        )
    check_syntax(text, tree)
    return tree


def _without_system_words(text: str) -> str:
    return _QUOTED_OR_SYSTEM.sub(
        lambda m: m.group(1) or ("FOR TIMESTAMP" if m.group(2).lower() == "time" else "FOR VERSION"), text
    )


def _parse_message(error: SqlglotError) -> str:
    details = getattr(error, "errors", None) or [{}]
    first = details[0]
    if not first.get("line"):
        return f"line 1:1: mismatched input. {str(error).splitlines()[0]}"
    column = max(1, int(first["col"]) - len(first.get("highlight") or "") + 1)
    what = str(first.get("description")).partition(" but got <")[0]
    return f"line {first['line']}:{column}: mismatched input {first.get('highlight')!r}. {what}"


def _put_parameters(text: str, parameters: list[str]) -> str:
    """Replace each `?` outside quotes and comments by its parameter, a literal."""
    holes = [match for match in _QUOTED_OR_HOLE.finditer(text) if match.group(1) is None]
    if len(holes) != len(parameters):
        raise MalformedQueryError(f"Incorrect number of parameters: expected {len(holes)} but found {len(parameters)}")
    parts, end = [], 0
    for hole, value in zip(holes, parameters, strict=True):
        parts += [text[end : hole.start()], _literal_text(value)]
        end = hole.end()
    return "".join(parts) + text[end:]


def _literal_text(value: str) -> str:
    try:
        tree = sqlglot.parse_one(value, read="athena")
    except SqlglotError as error:
        raise MalformedQueryError(
            f"execution parameter {value!r} is not a literal; a string needs its single quotes"
        ) from error
    if next(tree.find_all(exp.Column, exp.Query), None) is not None:
        raise MalformedQueryError(f"execution parameter {value!r} is not a literal; a string needs its single quotes")
    return value
