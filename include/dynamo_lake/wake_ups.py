"""The wake-up message of the stream function: a call to look into the inbox, never the list of work."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from include.dynamo_lake.dynamodb_json import parse_json
from include.dynamo_lake.errors import TerminalError


class ForeignMessageError(TerminalError):
    """A message is none of the pipeline's wake-up calls; the text is the reason."""


def build_wake_up(pipeline: str, keys: Iterable[str]) -> str:
    """The message's body; ``keys`` are for people who look at it."""
    return json.dumps({"pipeline": pipeline, "keys": list(keys)})


def check_wake_up(pipeline: str, body: str) -> None:
    """Accept a message's body as a wake-up call of this pipeline.

    Raises:
        ForeignMessageError: with the reason.
    """
    try:
        content: Any = parse_json(body)
    except ValueError as error:
        raise ForeignMessageError(f"it is not JSON ({error})") from error
    if not isinstance(content, dict) or "pipeline" not in content:
        raise ForeignMessageError("it has no member 'pipeline': it is not the stream function's")
    if content["pipeline"] != pipeline:
        raise ForeignMessageError(f"it is for pipeline {content['pipeline']!r}, not {pipeline!r}")
