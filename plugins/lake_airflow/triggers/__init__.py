"""Triggers: they only wait, up to an absolute deadline."""
