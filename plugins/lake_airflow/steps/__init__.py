"""Steps of a run as plain functions: tasks are made of them in `lake_airflow.flow`."""
