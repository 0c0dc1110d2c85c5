"""Parse the DAG files in a fresh interpreter and print as JSON what that did. Run as a program.

``serialized``: DAGs as Airflow keeps them; ``heavy``: loaded modules that a parse must not load; ``clients``: AWS clients made;
``connections``: addresses that were connected to; ``files``: files of the checkout that were opened, Python's own aside;
``seconds``: of the second parse.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from tests.airflow_environment import ROOT

HEAVY = (
    "pyspark",
    "pandas",
    "pyarrow",
    "numpy",
    "duckdb",
    "ministack",
    "include.local_aws",
    "include.laptop",
    "include.deploy",
)


def main() -> None:
    from airflow.dag_processing.dagbag import DagBag
    from airflow.serialization.serialized_objects import DagSerialization

    events: dict[str, list[str]] = {"connections": [], "files": []}
    _watch(events)
    bag = DagBag(dag_folder=ROOT / "dags", bundle_path=ROOT / "dags", bundle_name="dags-folder")
    heavy = sorted(name for name in sys.modules if name.startswith(HEAVY))
    # Sorted as in Airflow's own hash: it collects the fields of a DAG in a set.
    serialized = {
        dag_id: json.dumps(DagSerialization.to_dict(dag), sort_keys=True) for dag_id, dag in sorted(bag.dags.items())
    }
    began = time.perf_counter()
    DagBag(dag_folder=ROOT / "dags", bundle_path=ROOT / "dags", bundle_name="dags-folder")
    seconds = time.perf_counter() - began
    found = {"serialized": serialized, "heavy": heavy, "errors": bag.import_errors, "seconds": seconds, **events}
    print("PARSED" + json.dumps({**found, "clients": _CLIENTS}))


_CLIENTS: list[str] = []


def _watch(events: dict[str, list[str]]) -> None:
    import botocore.session

    make = botocore.session.Session.create_client

    def create_client(self: Any, service_name: str, *arguments: Any, **options: Any) -> Any:
        _CLIENTS.append(service_name)
        return make(self, service_name, *arguments, **options)

    botocore.session.Session.create_client = create_client  # type: ignore[method-assign]

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.connect":
            events["connections"].append(repr(arguments[1]))
        elif event == "open" and isinstance(arguments[0], str) and arguments[0].startswith(str(ROOT)):
            path = arguments[0].removeprefix(str(ROOT)).lstrip("/")
            if not path.startswith(".local") and not path.endswith((".py", ".pyc")) and "__pycache__" not in path:
                events["files"].append(path)

    sys.addaudithook(hook)


if __name__ == "__main__":
    # The DAG files name tests.parsing's parents nowhere: what they load is theirs.
    for name in [name for name in sys.modules if name.startswith("include.deploy")]:
        del sys.modules[name]
    main()
