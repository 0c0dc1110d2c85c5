"""The Glue job: entry script, transforms (DataFrame -> DataFrame), commits, and the storage around them."""
