"""Write into a table beside the merge job: ``python -m tests.e2e.writing_beside <database.table> <partition> <key> <position>``.

In local AWS's environment: it writes Iceberg. One of the table's rows is doubled, and stands there without its key and at a position
that its list does not have.
"""

from __future__ import annotations

import os
import sys

import pyarrow as pa

from tests.local_aws.lake import append_files, open_catalog


def main() -> None:
    name, partition, key, position = sys.argv[1:]
    table = open_catalog(os.environ).load_table(name)
    row = table.scan(limit=1).to_arrow().to_pylist()[0]
    rows = [row, {**row, key: None}, {**row, position: 99}]
    append_files(table, {row[partition].date(): pa.Table.from_pylist(rows, schema=table.schema().as_arrow())})


if __name__ == "__main__":
    main()
