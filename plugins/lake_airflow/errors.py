"""Errors of the Airflow side: each names the item and the remedy; the retry policy follows from terminal or transient."""

from __future__ import annotations

from include.dynamo_lake.errors import TerminalError, TransientError


class SourceError(TerminalError):
    """A source table cannot be exported as it is."""


class ExportFailedError(TransientError):
    """An export ended in failure; the next attempt starts another."""


class ExportRefusedError(TerminalError):
    """DynamoDB refused to start an export, and would refuse it again."""


class StateConflictError(TransientError):
    """Rival writers of one state object were faster, again and again."""


class MergeFailedError(TransientError):
    """A merge ended in a state that a new run may not end in."""


class MergeRefusedError(TerminalError):
    """A merge ended in a state that a new run would end in too."""


class CrawlFailedError(TerminalError):
    """A crawl failed; looking again does not change it."""


class DeadlineError(TransientError):
    """A wait reached its ceiling."""


class WaitFailedError(TransientError):
    """A wait was broken off by an error of AWS; what was waited for goes on."""


class QueryFailedError(TransientError):
    """A query did not succeed."""


class VerificationError(TerminalError):
    """The merged snapshot is not what it should be; readers keep the previous one."""
