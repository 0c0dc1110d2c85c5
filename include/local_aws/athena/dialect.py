"""What of a statement is Trino's: sqlglot and DuckDB understand more, and what Athena would refuse is refused here too."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import sqlglot
from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from include.local_aws.athena.errors import MalformedQueryError, QueryFailedError, missing_column

_FUNCTIONS = frozenset({
    "abs", "acos", "all_match", "any_match", "any_value", "approx_distinct", "approx_percentile", "arbitrary", "array_agg",
    "array_join", "array_position", "array_sort", "asin", "at_timezone", "atan", "atan2", "avg", "bitwise_and",
    "bitwise_and_agg", "bitwise_not", "bitwise_or", "bitwise_or_agg", "bitwise_xor", "bool_and", "bool_or", "cardinality",
    "cast", "cbrt", "ceil", "ceiling", "chr", "coalesce", "codepoint", "concat", "concat_ws", "contains", "cos", "count",
    "count_if", "covar_pop", "covar_samp", "cume_dist", "current_date", "current_timestamp", "date", "date_add", "date_diff",
    "date_format", "date_parse", "date_trunc", "day", "day_of_month", "day_of_week", "day_of_year", "degrees", "dense_rank",
    "dow", "doy", "element_at", "every", "exp", "extract", "filter", "first_value", "flatten", "floor", "format",
    "format_datetime", "from_base64", "from_hex", "from_iso8601_date", "from_iso8601_timestamp", "from_unixtime",
    "from_unixtime_nanos", "from_utf8", "geometric_mean", "greatest", "grouping", "histogram", "hour", "if", "infinity",
    "is_nan", "json_array_length", "json_extract", "json_extract_scalar", "json_format", "json_parse", "lag",
    "last_day_of_month", "last_value", "lead", "least", "length", "levenshtein_distance", "listagg", "ln", "localtime",
    "localtimestamp", "log", "log10", "log2", "lower", "lpad", "ltrim", "map", "map_agg", "map_concat", "map_entries",
    "map_from_entries", "map_keys", "map_values", "max", "max_by", "md5", "millisecond", "min", "min_by", "minute", "mod",
    "month", "nan", "none_match", "now", "nth_value", "ntile", "nullif", "parse_datetime", "percent_rank", "pi", "position",
    "pow", "power", "quarter", "radians", "rand", "random", "rank", "regexp_count", "regexp_extract", "regexp_extract_all",
    "regexp_like", "regexp_replace", "regexp_split", "replace", "reverse", "round", "row", "row_number", "rpad", "rtrim",
    "second", "sequence", "sha256", "sign", "sin", "split", "split_part", "sqrt", "starts_with", "stddev", "stddev_pop",
    "stddev_samp", "strpos", "substr", "substring", "sum", "tan", "to_base64", "to_hex", "to_iso8601", "to_unixtime",
    "to_utf8", "transform", "translate", "trim", "truncate", "try", "try_cast", "typeof", "unnest", "upper", "var_pop",
    "var_samp", "variance", "week", "week_of_year", "with_timezone", "year", "year_of_week",
})  # fmt: skip
"""Trino's functions that are answered here as Trino answers them."""
_BEFORE_PARENTHESIS = frozenset({
    "all", "and", "any", "array", "as", "between", "by", "cross", "cube", "decimal", "distinct", "else", "end", "except",
    "exists", "filter", "from", "group", "having", "in", "intersect", "is", "join", "lateral", "like", "limit", "not", "of",
    "offset", "on", "or", "order", "over", "rollup", "row", "select", "sets", "some", "time", "timestamp", "then", "union",
    "using", "values", "varbinary", "varchar", "when", "where", "with", "within", "zone",
})  # fmt: skip
_FOREIGN_TOKENS = frozenset({
    TokenType.AMP, TokenType.ANTI, TokenType.ASOF, TokenType.CARET, TokenType.COLON, TokenType.DARROW, TokenType.DCOLON,
    TokenType.GLOB, TokenType.HASH, TokenType.HASH_ARROW, TokenType.HEREDOC_STRING, TokenType.ILIKE, TokenType.IRLIKE,
    TokenType.ISNULL, TokenType.L_BRACE, TokenType.NOTNULL, TokenType.NULLSAFE_EQ, TokenType.PARAMETER, TokenType.PIPE,
    TokenType.PIVOT, TokenType.QUALIFY, TokenType.RLIKE, TokenType.SEMI, TokenType.SIMILAR_TO, TokenType.TILDE,
    TokenType.UNPIVOT,
})  # fmt: skip
_FOREIGN_TEXTS = frozenset({"==", "!"})
_BEFORE_SUBSCRIPT = frozenset({
    TokenType.VAR, TokenType.IDENTIFIER, TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.ARRAY, TokenType.STRING,
})  # fmt: skip
_FOREIGN_PAIRS = frozenset({
    *((before, TokenType.FROM) for before in (TokenType.L_PAREN, TokenType.COMMA, TokenType.SELECT)),
    *((TokenType.INTERVAL, kind) for kind in (TokenType.NUMBER, TokenType.L_PAREN)),
})
_TYPES = frozenset({
    "ARRAY", "BIGINT", "BOOLEAN", "DATE", "DECIMAL", "DOUBLE", "FLOAT", "INT", "INTERVAL", "JSON", "MAP", "ROW",
    "SMALLINT", "STRUCT", "TIME", "TIMESTAMP", "TIMESTAMPTZ", "TINYINT", "VARBINARY", "VARCHAR", "UNKNOWN",
})  # fmt: skip


def check_syntax(text: str, tree: exp.Query) -> None:
    """Raise MalformedQueryError for syntax that DuckDB has and Trino has not."""
    tokens = sqlglot.tokenize(text, read="trino")
    if (token := next(_foreign_tokens(tokens), None)) is not None:
        raise MalformedQueryError(f"line {token.line}:{_column(token)}: mismatched input {token.text!r}")
    kinds = [token.token_type for token in tokens]
    if kinds.count(TokenType.ARROW) > len(list(tree.find_all(exp.Lambda))):
        raise MalformedQueryError("line 1:1: mismatched input '->': it stands only in a lambda")
    if kinds.count(TokenType.JOIN) > sum(map(_is_joined, tree.find_all(exp.Join))):
        raise MalformedQueryError("line 1:1: mismatched input: JOIN needs ON or USING")
    for node in tree.walk():
        if (what := _foreign_node(node)) is not None:
            raise MalformedQueryError(f"line 1:1: mismatched input: Athena knows no {what}")


def check_functions(text: str, tree: exp.Query) -> None:
    """Raise QueryFailedError for a function that Trino has not, or that is not answered here."""
    named = {alias.name.lower() for alias in tree.find_all(exp.TableAlias)}
    for token, following in pairwise(sqlglot.tokenize(text, read="trino")):
        name = token.text.lower()
        if following.token_type is not TokenType.L_PAREN or not name.replace("_", "").isalnum():
            continue
        words = name.split()
        known = name in _FUNCTIONS or name in named or words[-1] in _BEFORE_PARENTHESIS
        if not known and token.token_type not in (TokenType.STRING, TokenType.NUMBER):
            raise QueryFailedError(
                "FUNCTION_NOT_FOUND", f"Function '{name}' not registered", position=(token.line, _column(token))
            )


def check_aliases(tree: exp.Query) -> None:
    """Raise QueryFailedError where a qualified tree uses a name that its SELECT only makes: Trino knows it in ORDER BY alone."""
    for select in tree.find_all(exp.Select):
        made = {one.alias.lower() for one in select.selects if isinstance(one, exp.Alias)}
        for clause in (*select.expressions, *(select.args.get(one) for one in ("where", "group"))):
            for column in clause.find_all(exp.Column) if clause is not None else ():
                if not column.table and column.name.lower() in made:
                    raise missing_column(column.name, column)


def _foreign_tokens(tokens: Sequence[Token]) -> Iterator[Token]:
    limits: set[int] = set()
    depth, before = 0, TokenType.L_PAREN
    for token in tokens:
        kind = token.token_type
        depth += (kind is TokenType.L_PAREN) - (kind is TokenType.R_PAREN)
        limits.discard(depth if kind is TokenType.L_PAREN else -1)
        late = kind is TokenType.OFFSET and depth in limits
        literal = kind is TokenType.L_BRACKET and before not in _BEFORE_SUBSCRIPT
        if (
            late
            or literal
            or kind in _FOREIGN_TOKENS
            or token.text in _FOREIGN_TEXTS
            or (before, kind) in _FOREIGN_PAIRS
        ):
            yield token
        if kind is TokenType.LIMIT:
            limits.add(depth)
        before = kind


_FOREIGN_NODES: tuple[tuple[type[exp.Expr] | tuple[type[exp.Expr], ...], str, Callable[[exp.Expr], object]], ...] = (
    (exp.Star, "EXCLUDE, REPLACE or RENAME of *", lambda node: _any(node, "except_", "replace", "rename")),
    (exp.Group, "GROUP BY ALL", lambda node: node.args.get("all") is not None and not node.expressions),
    (
        exp.Ordered,
        "ORDER BY ALL",
        lambda node: node.this.name.upper() == "ALL" and not isinstance(node.this, exp.Literal),
    ),
    (exp.Distinct, "DISTINCT ON", lambda node: _any(node, "on")),
    (exp.SetOperation, "UNION BY NAME", lambda node: _any(node, "by_name")),
    ((exp.Time, exp.Timestamp), "function of this name", lambda _node: True),
    (exp.TableSample, "sample (not here)", lambda _node: True),
    (exp.WindowSpec, "EXCLUDE in a frame", lambda node: _any(node, "exclude")),
    (exp.In, "IN without parentheses", lambda node: _any(node, "field")),
    (exp.DataType, "such type", lambda node: node.this.name not in _TYPES),
    (
        exp.Limit,
        "LIMIT of an expression",
        lambda node: not isinstance(node.expression, exp.Literal) and node.expression.name != "ALL",
    ),
    (exp.LimitOptions, "PERCENT, nor WITH TIES here", lambda node: _any(node, "percent", "with_ties")),
)
"""What the parser takes and Trino has not."""


def _any(node: exp.Expr, *names: str) -> bool:
    return any(node.args.get(name) for name in names)


def _foreign_node(node: exp.Expr) -> str | None:
    return next(
        (what for kind, what, is_foreign in _FOREIGN_NODES if isinstance(node, kind) and is_foreign(node)), None
    )


def _is_joined(join: exp.Join) -> bool:
    return join.kind == "CROSS" or join.args.get("on") is not None or bool(join.args.get("using"))


def _column(token: Token) -> int:
    return token.col - len(token.text) + 1
