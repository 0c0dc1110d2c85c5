"""Small stand-ins for AWS clients that decide as AWS does, with rivals and failures that a test places between two calls."""

from tests.plugins.fakes.answers import NOW, REGION, refusal
from tests.plugins.fakes.clients import FakeClients
from tests.plugins.fakes.dynamodb import FakeDynamoDB
from tests.plugins.fakes.glue import FakeGlue
from tests.plugins.fakes.s3 import FakeS3
from tests.plugins.fakes.services import FakeAthena, FakeLogs, FakeSqs
from tests.plugins.fakes.tasks import FakeTaskInstance, context_of

__all__ = [
    "NOW",
    "REGION",
    "FakeAthena",
    "FakeClients",
    "FakeDynamoDB",
    "FakeGlue",
    "FakeLogs",
    "FakeS3",
    "FakeSqs",
    "FakeTaskInstance",
    "context_of",
    "refusal",
]
