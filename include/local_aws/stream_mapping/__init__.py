"""Event source mappings from DynamoDB streams to functions, with AWS's batching, retries and failure destination."""
