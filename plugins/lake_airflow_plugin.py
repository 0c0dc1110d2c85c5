"""The one file that Airflow scans here: it registers the links, so that the UI can show them, and the listener that writes run notes."""

from airflow.plugins_manager import AirflowPlugin
from lake_airflow.links import LINKS
from lake_airflow.run_notes import RunNotes


class LakePlugin(AirflowPlugin):
    """Links from tasks to what they started in AWS, and notes of runs."""

    name = "lake"
    operator_extra_links = list(LINKS)  # noqa: RUF012 - the base class declares it for instances
    listeners = [RunNotes()]  # noqa: RUF012 - as above
