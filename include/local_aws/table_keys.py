"""KMS rights behind DynamoDB: who exports or crawls a table under a customer's key, or reads its stream, may decrypt with it.

The base stores the key and asks nobody; what it answers itself (items, queries) is let through.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.local_aws.base_tables import customer_key
from include.local_aws.calls import Identity

if TYPE_CHECKING:
    from include.local_aws.core import LocalAws


def check_table_key(aws: LocalAws, identity: Identity, table: str, region: str) -> None:
    """`kms:Decrypt` through DynamoDB on the key of a table (its name or ARN). Raises AccessDeniedException."""
    key = customer_key(identity.account_id, region, table)
    if key:
        through = {"kms:ViaService": f"dynamodb.{region}.amazonaws.com"}
        aws.authorize_identity(identity, "kms:Decrypt", key, region, through)
