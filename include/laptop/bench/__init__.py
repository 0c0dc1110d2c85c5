"""``make bench``: what a run costs, as ratios measured in one go on one machine, over local AWS and real Spark.

Data is written as export files directly; every measured merge is a Glue job run as deployed. Results are kept in
``docs/benchmarks.json``, from which ``docs/benchmarks.md`` and its pictures are made.
"""
