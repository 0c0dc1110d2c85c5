"""Trino's types: which go together, how many digits they have, what they are called."""

from __future__ import annotations

from sqlglot import exp

Digits = tuple[int, int]
"""Precision and scale of a decimal; an integer's scale is 0."""
Type = exp.DataType | exp.DType

MAX_PRECISION = 38
INTEGER_DIGITS = {exp.DType.TINYINT: 3, exp.DType.SMALLINT: 5, exp.DType.INT: 10, exp.DType.BIGINT: 19}
_FAMILIES: dict[str, tuple[exp.DType, ...]] = {
    "text": (exp.DType.VARCHAR, exp.DType.TEXT, exp.DType.CHAR),
    "number": (*INTEGER_DIGITS, exp.DType.DECIMAL, exp.DType.DOUBLE, exp.DType.FLOAT),
    "moment": (exp.DType.DATE, exp.DType.DATETIME, exp.DType.TIMESTAMP, exp.DType.TIMESTAMPTZ),
    "time": (exp.DType.TIME,),
    "boolean": (exp.DType.BOOLEAN,),
    "interval": (exp.DType.INTERVAL,),
    "array": (exp.DType.ARRAY,),
    "map": (exp.DType.MAP,),
    "row": (exp.DType.STRUCT,),
    "binary": (exp.DType.VARBINARY, exp.DType.BINARY),
    "json": (exp.DType.JSON,),
}
FAMILY_OF = {kind: family for family, kinds in _FAMILIES.items() for kind in kinds}


def family_of(node: exp.Expr | None) -> str | None:
    """The group of types that Trino compares and combines with one another; None where the type is not known."""
    kind = node.type if node is not None else None
    return FAMILY_OF.get(kind.this) if kind is not None else None


def digits_of(kind: Type | None) -> Digits | None:
    """Precision and scale of a decimal or integer type; None for any other."""
    if isinstance(kind, exp.DType):
        kind = kind.into_expr()
    if kind is None:
        return None
    if kind.this is not exp.DType.DECIMAL:
        return (INTEGER_DIGITS[kind.this], 0) if kind.this in INTEGER_DIGITS else None
    sizes = [int(one.name) for one in kind.expressions]
    return (sizes[0], sizes[1] if len(sizes) > 1 else 0) if sizes else (MAX_PRECISION, 0)


def is_decimal(node: exp.Expr) -> bool:
    return bool(node.is_type(exp.DType.DECIMAL))


def trino_name(node: exp.Expr) -> str:
    """The name that Trino gives to the type of a typed expression."""
    kind = node.type
    if kind is None:
        return "unknown"
    if isinstance(node, exp.Literal) and node.is_string:
        return f"varchar({len(node.name)})"
    if kind.this in (exp.DType.TIMESTAMP, exp.DType.DATETIME):
        return "timestamp(6)"
    return str(kind.sql("trino")).lower().replace(", ", ",")


def decimal_type(precision: int, scale: int) -> exp.DataType:
    return exp.DataType.build(f"DECIMAL({min(MAX_PRECISION, precision)}, {scale})", dialect="trino")


def literal_scale(node: exp.Cast) -> int:
    """The scale that `decimal '12.50'` has by itself; 0 for any other cast to a bare decimal."""
    is_text = isinstance(node.this, exp.Literal) and node.this.is_string
    return len(node.this.name.partition(".")[2]) if is_text else 0
