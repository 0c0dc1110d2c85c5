"""What lies around the tables: objects in the bucket, the checks of change files, and the output crawler."""
