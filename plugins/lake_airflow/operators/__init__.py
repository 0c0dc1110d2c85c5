"""Operators: they decide; hooks call, triggers wait."""
