"""The errors of the domain: each says what happened, to what, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass


class LakeError(Exception):
    """Base of every error that this project raises on purpose."""

    retryable = False


class TerminalError(LakeError):
    """A retry cannot help: somebody has to act on the message first."""


class TransientError(LakeError):
    """A later retry can help without anybody acting."""

    retryable = True


@dataclass(frozen=True)
class Mistake:
    """One mistake in a declaration: where it is, what is wrong, and what to write instead."""

    path: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}. {self.remedy}"


class DeclarationError(TerminalError):
    """A declaration cannot be used; carries every mistake at once."""

    def __init__(self, file: str, mistakes: tuple[Mistake, ...]) -> None:
        self.file = file
        self.mistakes = mistakes
        lines = "\n".join(f"  - {mistake}" for mistake in mistakes)
        super().__init__(f"{file}: {len(mistakes)} mistake(s)\n{lines}")


class PlanError(TerminalError):
    """A run was asked for something that the plan's rules do not admit."""


class GapError(TerminalError):
    """The chain of windows is broken: point-in-time recovery no longer reaches what is missing."""


class ChangeFileError(TerminalError):
    """A change file is not what its manifest says; no row was written."""


class OtherVersionError(TerminalError):
    """A state object or report was written by code of another version."""


class ContractError(TerminalError):
    """A source table, or a table of the lake, contradicts the declaration."""
