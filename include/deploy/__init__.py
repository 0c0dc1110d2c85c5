"""Deployment: bundles, stack parameters, stack and code of one pipeline, and its Airflow settings.

Runs wherever boto3 is; never imported by a DAG, a plugin or a Glue script.
"""
