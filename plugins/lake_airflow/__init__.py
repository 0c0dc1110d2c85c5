"""Airflow parts of the lake: settings, steps of a run, operators, triggers and links."""
