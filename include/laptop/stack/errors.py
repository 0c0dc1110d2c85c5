"""What the stack on a laptop may fail with."""

from __future__ import annotations


class StackError(Exception):
    """A part of the stack did not start or ended; the message says which, where its log is and what to do."""


class StoppedError(Exception):
    """The stack is being stopped: whatever waits gives up quietly."""
