"""The commands behind the Makefile: set-up, local AWS with its stacks, Airflow on a laptop, the demo. Never deployed."""
