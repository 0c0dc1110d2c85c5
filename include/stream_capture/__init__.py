"""The stream Lambda: DynamoDB stream records become change files in the inbox. Standard library, boto3 and the domain."""
