"""Random histories of DynamoDB tables, and how they reach a lake: for the reference, Spark and whole runs alike."""
