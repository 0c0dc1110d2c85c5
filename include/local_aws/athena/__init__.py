"""Athena: queries in its dialect over the Iceberg tables of the local Glue catalog, read-only.

A statement is parsed by sqlglot, its Iceberg scans are planned by pyiceberg (partitions and files pruned by the
query's own filters), and DuckDB computes over what they stream.
"""

from __future__ import annotations

from include.local_aws.athena.handlers import HANDLERS

__all__ = ["HANDLERS"]
