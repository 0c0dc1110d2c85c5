"""The whole stack on a laptop: Airflow with UI and scheduler on local AWS, in the background (``make up``, ``make down``)."""
