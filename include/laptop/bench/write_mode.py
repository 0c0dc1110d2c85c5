"""Set how Iceberg tables are merged into. Runs in local AWS's environment: ``write_mode.py <mode> <database.table> …``."""

from __future__ import annotations

import os
import sys

from pyiceberg.catalog.glue import GlueCatalog  # type: ignore[import-not-found]  # of another environment

_MODES = ("write.merge.mode", "write.update.mode", "write.delete.mode")


def main(mode: str, tables: list[str]) -> None:
    """Set the tables to ``copy-on-write`` or ``merge-on-read``."""
    endpoint = os.environ["AWS_ENDPOINT_URL"]
    catalog = GlueCatalog(
        "local",
        **{
            "glue.endpoint": endpoint,
            "s3.endpoint": endpoint,
            "client.region": os.environ["AWS_REGION"],
            "client.access-key-id": os.environ["AWS_ACCESS_KEY_ID"],
            "client.secret-access-key": os.environ["AWS_SECRET_ACCESS_KEY"],
        },
    )
    for name in tables:
        with catalog.load_table(name).transaction() as transaction:
            transaction.set_properties(dict.fromkeys(_MODES, mode))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
