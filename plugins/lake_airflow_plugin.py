"""The one file that Airflow scans here: it registers the links, so that the UI can show them."""

from airflow.plugins_manager import AirflowPlugin
from lake_airflow.links import LINKS


class LakePlugin(AirflowPlugin):
    """Links from tasks to what they started in AWS."""

    name = "lake"
    operator_extra_links = list(LINKS)  # noqa: RUF012 - the base class declares it for instances
