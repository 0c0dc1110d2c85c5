"""Read a declaration: TOML -> fields -> dataclasses. Works from a folder and from inside a zip alike."""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from include.dynamo_lake.declaration.build import build_pipeline
from include.dynamo_lake.declaration.fields import DECLARATION
from include.dynamo_lake.declaration.model import Pipeline
from include.dynamo_lake.declaration.rules import rule_mistakes
from include.dynamo_lake.declaration.validate import validate_table
from include.dynamo_lake.errors import DeclarationError, Mistake

PIPELINE_NAME = r"[a-z][a-z0-9_]{0,29}"


def pipeline_names(folder: Traversable | None = None) -> tuple[str, ...]:
    """The names of all declarations: the stems of ``include/pipelines/*.toml``, sorted."""
    where = folder if folder is not None else files("include.pipelines")
    return tuple(sorted(entry.name.removesuffix(".toml") for entry in where.iterdir() if entry.name.endswith(".toml")))


def read_declaration(name: str, folder: Traversable | None = None) -> Pipeline:
    """Read and validate ``<name>.toml``; raise ``DeclarationError`` with every mistake, or naming the known pipelines."""
    where = folder if folder is not None else files("include.pipelines")
    file = f"include/pipelines/{name}.toml" if folder is None else str(where.joinpath(f"{name}.toml"))
    if name not in pipeline_names(where):
        known = ", ".join(pipeline_names(where)) or "none"
        raise DeclarationError(
            file, (Mistake(name, "unknown pipeline", f"Known: {known}. A declaration is a file {file}"),)
        )
    return parse_declaration(name, where.joinpath(f"{name}.toml").read_bytes(), file)


def parse_declaration(name: str, content: bytes, file: str) -> Pipeline:
    """Parse and validate the content of a declaration; raise ``DeclarationError`` with every mistake."""
    mistakes: list[Mistake] = []
    if not re.fullmatch(PIPELINE_NAME, name):
        problem = Mistake(
            name, "not a pipeline name", "Use at most 30 lower-case letters, digits and _, starting with a letter"
        )
        mistakes.append(problem)
    table = validate_table(_parse_toml(content, file), DECLARATION, "", mistakes)
    mistakes.extend(rule_mistakes(table))
    if mistakes:
        raise DeclarationError(file, tuple(mistakes))
    return build_pipeline(name, table)


def _parse_toml(content: bytes, file: str) -> dict[str, Any]:
    try:
        return tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DeclarationError(
            file, (Mistake("file", f"not TOML: {error}", "Mend the syntax at that place"),)
        ) from error
