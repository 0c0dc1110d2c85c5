"""What writes Iceberg tables: one commit each, with the marks of the merge in its snapshot summary."""
