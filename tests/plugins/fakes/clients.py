"""All clients of one connection."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.plugins.fakes.dynamodb import FakeDynamoDB
from tests.plugins.fakes.glue import FakeGlue
from tests.plugins.fakes.s3 import FakeS3
from tests.plugins.fakes.services import FakeAthena, FakeLogs, FakeSqs


@dataclass
class FakeClients:
    """The clients of one connection."""

    s3: FakeS3 = field(default_factory=FakeS3)
    glue: FakeGlue = field(default_factory=FakeGlue)
    dynamodb: FakeDynamoDB = field(default_factory=FakeDynamoDB)
    athena: FakeAthena = field(default_factory=FakeAthena)
    logs: FakeLogs = field(default_factory=FakeLogs)
    sqs: FakeSqs = field(default_factory=FakeSqs)
