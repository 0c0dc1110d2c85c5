"""An empty, migrated Airflow database: made once, copied by every command that runs a DAG without a scheduler."""

from __future__ import annotations

from include.laptop import paths
from include.laptop.setup.commands import run
from include.laptop.setup.environments import Say


def make_template(say: Say) -> None:
    """Migrate an empty SQLite database into ``.local/airflow/template.db``."""
    say("Airflow's database")
    target = paths.AIRFLOW_TEMPLATE_DB
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    environment = {
        "AIRFLOW_HOME": str(target.parent),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(target.parent / "no-dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(target.parent / "no-plugins"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{fresh}",
        "PYTHONWARNINGS": "ignore",
    }
    command = [paths.python_of(paths.AIRFLOW_ENV), "-m", "airflow", "db", "migrate"]
    run(command, "migrating Airflow's database", environment)
    fresh.rename(target)
