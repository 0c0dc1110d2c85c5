# Airflow's own image with what MWAA installs on top of it.
FROM apache/airflow:3.3.1-python3.12
COPY requirements.txt /tmp/requirements.txt
COPY include/laptop/setup/mwaa-3.3.1-constraints.txt /tmp/constraints.txt
RUN pip install --no-cache-dir -r /tmp/requirements.txt -c /tmp/constraints.txt
