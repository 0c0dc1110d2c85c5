"""No DAG: an import error that names each pipeline which gets no DAGs because of its declaration or its settings.

In a file of its own, since Airflow gives up all DAGs of a file that does not import, the other pipelines' too.
"""

from __future__ import annotations

from lake_airflow.pipelines import require_no_broken_pipeline

require_no_broken_pipeline()
