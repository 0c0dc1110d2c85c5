"""What a set-up may fail with."""


class SetupError(Exception):
    """Something is missing or did not work; the message says what to install or do."""
