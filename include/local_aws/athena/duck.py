"""One DuckDB connection per query, set up to answer as Trino does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from sqlglot import exp

from include.local_aws.athena import decimals, functions
from include.local_aws.athena.annotation import annotate
from include.local_aws.athena.errors import QueryFailedError, missing_column
from include.local_aws.athena.results import Row
from include.local_aws.athena.translation import to_duckdb
from include.local_aws.athena.values import Column, column_of, formatter

_MEMORY_LIMIT = "1GB"
_BATCH_ROWS = 10_000
_MISSING_COLUMN = re.compile(r'Referenced column "([^"]+)" not found|does not have a column named "([^"]+)"')
_MISSING_FUNCTION = re.compile(
    r"(?:Scalar |Aggregate |Table )?Function with name ([\w$]+) does not exist", re.IGNORECASE
)


def connect(folder: Path) -> duckdb.DuckDBPyConnection:
    """Open a connection whose memory is bounded: what does not fit goes to `folder`."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": _MEMORY_LIMIT,
        "temp_directory": str(folder),
        "threads": "2",
        "autoinstall_known_extensions": "false",
    }
    connection = duckdb.connect(config=config)
    connection.execute("SET TimeZone = 'UTC'")
    for macro in (*functions.MACROS, *decimals.MACROS):
        connection.execute(macro)
    # A query sees tables alone: no file of this machine, whoever sends it.
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def evaluate(connection: duckdb.DuckDBPyConnection, expression: exp.Expr) -> Any:
    """Compute a constant expression. Raises ValueError when it is not constant or cannot be computed."""
    if next(expression.find_all(exp.Column, exp.Query, exp.AggFunc, exp.Window, exp.Rand), None) is not None:
        raise ValueError("not a constant")
    try:
        value = (
            connection.sql(to_duckdb(annotate(exp.select(expression.copy()), {}))).to_arrow_table().column(0)[0].as_py()
        )
    except (duckdb.Error, QueryFailedError) as error:
        raise ValueError("not computable") from error
    return value


def load(connection: duckdb.DuckDBPyConnection, name: str, rows: pa.Table | pa.RecordBatchReader) -> None:
    """Make `rows` a table of the connection."""
    connection.register("incoming", rows)
    connection.execute(f'CREATE TEMP TABLE "{name}" AS SELECT * FROM incoming')  # noqa: S608 our own name
    connection.unregister("incoming")


def run(
    connection: duckdb.DuckDBPyConnection, sql: str, names: list[str | None], wide: set[int]
) -> tuple[list[Column], Iterator[Row]]:
    """Execute and give columns and formatted rows.

    `names` holds the column names that Athena gives (None: DuckDB's own); `wide` are the columns whose zoned times print with 6 digits.
    """
    reader: pa.RecordBatchReader = connection.sql(sql).to_arrow_reader(_BATCH_ROWS)
    titles = [
        name if name is not None else field.name
        for name, field in zip(_padded(names, reader.schema), reader.schema, strict=True)
    ]
    columns = [column_of(title.lower(), field.type) for title, field in zip(titles, reader.schema, strict=True)]
    return _as_bigint(columns, reader.schema), _rows(reader, wide)


def _padded(names: list[str | None], schema: pa.Schema) -> list[str | None]:
    return names if len(names) == len(schema) else [None] * len(schema)


def _as_bigint(columns: list[Column], schema: pa.Schema) -> list[Column]:
    """DuckDB counts and sums in HUGEINT, which arrives as a double or decimal(38,0): Trino's type is bigint."""
    return [
        Column(c.name, "bigint", 19) if _is_hugeint(field.type) else c for c, field in zip(columns, schema, strict=True)
    ]


def _is_hugeint(kind: pa.DataType) -> bool:
    return bool(pa.types.is_decimal(kind)) and kind.precision == 38 and kind.scale == 0


def _rows(reader: pa.RecordBatchReader, wide: set[int]) -> Iterator[Row]:
    formats = [
        formatter(field.type, millis=_millis(field.type, index in wide)) for index, field in enumerate(reader.schema)
    ]
    for batch in reader:
        printed = [
            [None if value is None else form(value) for value in column.to_pylist()]
            for column, form in zip(batch.columns, formats, strict=True)
        ]
        yield from zip(*printed, strict=True)


def _millis(kind: pa.DataType, wide: bool) -> bool:
    return pa.types.is_timestamp(kind) and ((kind.tz is not None and not wide) or kind.unit == "ms")


def explain_failure(error: duckdb.Error, tree: exp.Query) -> QueryFailedError:
    """Say in Athena's words why DuckDB did not run the query."""
    text = str(error)
    if missing := _MISSING_COLUMN.search(text):
        name = next(part for part in missing.groups() if part)
        place = next((one for one in tree.find_all(exp.Column) if one.name.lower() == name.lower()), None)
        return missing_column(name, place)
    if missing := _MISSING_FUNCTION.search(text):
        name = missing.group(1).lower()
        return QueryFailedError("NOT_SUPPORTED", f"local Athena does not have the function {name}")
    kinds: list[tuple[type[duckdb.Error], str]] = [
        (duckdb.ParserException, "SYNTAX_ERROR"),
        (duckdb.BinderException, "SYNTAX_ERROR"),
        (duckdb.CatalogException, "SYNTAX_ERROR"),
        (duckdb.ConversionException, "INVALID_CAST_ARGUMENT"),
        (duckdb.OutOfRangeException, "NUMERIC_VALUE_OUT_OF_RANGE"),
        (duckdb.OutOfMemoryException, "EXCEEDED_LOCAL_MEMORY_LIMIT"),
    ]
    if "Division by zero" in text:
        return QueryFailedError("DIVISION_BY_ZERO", "Division by zero")
    code = next((code for kind, code in kinds if isinstance(error, kind)), "GENERIC_INTERNAL_ERROR")
    return QueryFailedError(code, text.splitlines()[0])
