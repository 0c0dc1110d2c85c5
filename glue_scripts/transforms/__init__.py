"""DataFrame -> DataFrame: nothing here reads or writes a table, and nothing runs a Spark job."""
