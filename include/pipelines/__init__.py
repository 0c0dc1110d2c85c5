"""The declarations: one TOML file per pipeline, read by Airflow and (as zip members) by Glue."""
