"""The DAGs on local AWS: real Airflow, real Spark, real Iceberg; rows out of Athena."""

import pytest

pytest.register_assert_rewrite("tests.e2e.soundness", "tests.readers_pointer")
