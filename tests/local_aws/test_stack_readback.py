"""After a stack is made every property of its resources is read back: whichever is not as the template says is named."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from include.deploy.stack import read_parameters
from include.local_aws.process import ROOT, RunningLocalAws
from include.local_aws.stack_names import FINDERS
from include.local_aws.stack_readback import READERS, resource_differences
from tests.infra.deploying import capturing, deploy_as, named
from tests.infra.template import Rendered

# What no service shows again: the flag that only a deletion reads, and where a catalog lies within one account.
UNSEEN = {("AWS::Athena::WorkGroup", "RecursiveDeleteOption"), ("AWS::Glue::Database", "CatalogId")}
# A policy is read from what it names: there is no other place to look for it.
PLACES = {("AWS::S3::BucketPolicy", "Bucket"), ("AWS::SQS::QueuePolicy", "Queues"), ("AWS::SNS::TopicPolicy", "Topics")}


@pytest.fixture(scope="module")
def made(running: RunningLocalAws) -> dict[str, tuple[str, str]]:
    """Type and physical id by logical id of a stack that captures its streams."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in running.environment.items():
            patch.setenv(name, value)
        session = boto3.Session()
        deployed, _ = deploy_as(session, ROOT, capturing(named("read_back")))
        cloudformation = session.client("cloudformation")
        made = cloudformation.describe_stack_resources(StackName=deployed.stack)["StackResources"]
    return {one["LogicalResourceId"]: (one["ResourceType"], one["PhysicalResourceId"]) for one in made}


@pytest.fixture(scope="module")
def properties(client: Callable[..., Any], made: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The template's properties by logical id, rendered as this stack's."""
    stack = client("cloudformation").describe_stacks(StackName="read-back-lake")["Stacks"][0]
    rendered = Rendered(read_parameters(stack))
    return {name: body["Properties"] for name, body in rendered.resources.items()}


def _altered(value: Any) -> Any:
    """The same shape with one leaf that no service holds."""
    if isinstance(value, dict):
        name = next(iter(value))
        return {**value, name: _altered(value[name])}
    if isinstance(value, list):
        return [_altered(value[0]), *value[1:]]
    return not value if isinstance(value, bool) else "altered"


def test_every_type_of_the_template_can_be_read_back(made: dict[str, tuple[str, str]]) -> None:
    assert {kind for kind, _ in made.values()} <= READERS.keys()


def test_every_altered_property_is_found(
    client: Callable[..., Any], made: dict[str, tuple[str, str]], properties: dict[str, dict[str, Any]]
) -> None:
    missed = []
    for logical_id, (kind, physical_id) in made.items():
        for name, value in properties[logical_id].items():
            if (kind, name) in UNSEEN | PLACES:
                continue
            altered = {**copy.deepcopy(properties[logical_id]), name: _altered(value)}
            try:
                found = resource_differences(client, kind, physical_id, altered)
            except Exception as error:
                found = [f"{name}: {error!r}"]
            if not any(fault.startswith(name) for fault in found):
                missed.append((logical_id, name, found))
    assert missed == []


def test_names_that_are_taken_can_be_told_for_every_type_that_has_one(made: dict[str, tuple[str, str]]) -> None:
    # Buckets are the base's own check; a key, a mapping and a policy have no name.
    unnamed = {"Bucket", "Key", "EventSourceMapping", "BucketPolicy", "QueuePolicy", "TopicPolicy"}
    assert {kind for kind, _ in made.values() if kind.rpartition("::")[2] not in unnamed} == FINDERS.keys()
