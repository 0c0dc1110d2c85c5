# Local AWS in a container: the checkout as the laptop sets it up, Spark and Java for the Glue job included.
FROM python:3.12.12-slim-bookworm
RUN useradd --create-home --uid 1000 lake && mkdir -p /lake /run/lake && chown lake:lake /lake /run/lake
USER lake
WORKDIR /lake
COPY --chown=lake:lake . .
RUN python -m include.laptop.setup
ENV PYTHONPATH=/lake:/lake/plugins PYTHONUNBUFFERED=1
CMD [".local/envs/airflow/bin/python", "-m", "include.laptop.stack.container"]
