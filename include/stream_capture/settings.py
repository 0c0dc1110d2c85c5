"""Settings of the function: environment variables of the stack, and the declaration that rides in its zip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from include.dynamo_lake.declaration import Source, read_declaration
from include.dynamo_lake.errors import TerminalError

_NEEDED = ("PIPELINE", "BUCKET", "WAKE_UP_QUEUE_URL")


class MissingVariableError(TerminalError):
    """The function lacks environment variables."""


@dataclass(frozen=True)
class Settings:
    """``sources``: the declared sources by the name of their DynamoDB table."""

    pipeline: str
    bucket: str
    wake_up_queue_url: str
    sources: Mapping[str, Source]


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read and validate the environment.

    Raises:
        MissingVariableError: naming every missing variable at once.
        DeclarationError: the zip holds no valid declaration of this pipeline.
    """
    missing = [name for name in _NEEDED if not environment.get(name)]
    if missing:
        raise MissingVariableError(
            f"the function has no {', '.join(missing)}: deploy the stack again, its template sets them"
        )
    pipeline = read_declaration(environment["PIPELINE"])
    return Settings(
        pipeline.name,
        environment["BUCKET"],
        environment["WAKE_UP_QUEUE_URL"],
        {source.table: source for source in pipeline.sources},
    )
