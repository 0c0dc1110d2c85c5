"""SQS's batch operations: AWS asks for the right of the single one (`sqs:DeleteMessage`), the base for one of its own name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.local_aws.calls import Call, Handler, Json

if TYPE_CHECKING:
    from include.local_aws.core import LocalAws


async def act_on_batch(call: Call, aws: LocalAws) -> Json:
    """Take the single operation's check on the queue, then let the base act."""
    account, _, name = str(call.body.get("QueueUrl", "")).rpartition("/")
    account = account.rpartition("/")[2] or call.account
    arn = f"arn:aws:sqs:{call.region}:{account}:{name}"
    aws.authorize(call, f"sqs:{call.action.removesuffix('Batch')}", arn)
    return await aws.forward(call.target, call.body, region=call.region)


HANDLERS: dict[str, Handler] = {
    f"AmazonSQS.{action}Batch": act_on_batch for action in ("SendMessage", "DeleteMessage", "ChangeMessageVisibility")
}
