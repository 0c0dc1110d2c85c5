"""CloudFormation as AWS answers it: templates checked first, dropped properties applied, everything read back.

A stack shows a final status only after that; one that does not hold what its template says has failed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from include.local_aws import refusals, root_clients
from include.local_aws.calls import AwsError, Json
from include.local_aws.crawlers.runs import crawls_of
from include.local_aws.crawlers.table_versions import forget_removed_tables
from include.local_aws.stack_names import taken_names
from include.local_aws.stack_readback import resource_differences
from include.local_aws.stack_repairs import REPAIRS
from include.local_aws.stack_templates import check_parameters, check_template

if TYPE_CHECKING:
    from include.local_aws.core import LocalAws

log = logging.getLogger(__name__)
_CHECKED = frozenset({"CreateStack", "UpdateStack", "CreateChangeSet", "ValidateTemplate"})
_STARTING = frozenset({"CreateStack", "UpdateStack", "ExecuteChangeSet", "DeleteStack"})
_AWAITING = frozenset({"DescribeStacks", "DescribeStackEvents", "ListStacks", "DescribeChangeSet"})
_MADE = ("CREATE_COMPLETE", "UPDATE_COMPLETE")


class Stacks:
    """Watches stack operations on their way through the base."""

    def __init__(self, aws: LocalAws) -> None:
        self._aws = aws
        self._finishing: dict[tuple[str, str, str], asyncio.Task[Any]] = {}
        self._taken: dict[tuple[str, str], str] = {}

    async def before(self, body: bytes, account: str, region: str) -> str:
        """Check a request; returns its action. Raises ValidationError for what AWS would refuse."""
        parameters = {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
        action = parameters.get("Action", "")
        if action in _CHECKED:
            text = await self._template_text(parameters)
            if text is not None:
                template = _base().parse_template(text)
                check_template(template)
                refusals.check_resources(template)
                check_parameters(template, [v for k, v in parameters.items() if k.endswith(".ParameterKey")])
                await self._check_names(action, parameters, template, account, region)
        if action in _AWAITING:
            await self._await_finished()
        return action

    async def _check_names(self, action: str, parameters: Json, template: Json, account: str, region: str) -> None:
        """A change set over names that are taken fails once it is made; a stack is refused at once."""
        clients = partial(root_clients.client, self._aws.settings)
        named = list(_base().new_resources(parameters, template, account, region))
        taken = await asyncio.to_thread(taken_names, clients, named)
        if taken and action == "CreateChangeSet":
            self._taken[parameters["StackName"], parameters["ChangeSetName"]] = "; ".join(taken)
        elif taken and action != "ValidateTemplate":
            raise AwsError("ValidationError", "; ".join(taken))

    async def _template_text(self, parameters: Json) -> str | None:
        if "TemplateURL" not in parameters:
            return parameters.get("TemplateBody")
        path = urlsplit(parameters["TemplateURL"]).path
        answer = await self._aws.request("GET", path, service="s3")
        if answer.status != 200:
            raise AwsError(
                "ValidationError", f"TemplateURL {parameters['TemplateURL']} cannot be read: {answer.status}"
            )
        return answer.body.decode()

    def after(self, action: str, body: bytes, account: str, region: str) -> None:
        """Watch the operation that an accepted request started."""
        parameters = parse_qs(body.decode("utf-8", "replace"))
        if action == "CreateChangeSet":
            stack, change_set = parameters["StackName"][0], parameters["ChangeSetName"][0]
            if reason := self._taken.pop((stack, change_set), None):
                _base().fail_change_set(change_set, stack, account, region, reason)
        if action in _STARTING:
            name = (parameters.get("StackName") or parameters["ChangeSetName"])[0]
            short = name.split(":stack/")[1].split("/")[0] if ":stack/" in name else name
            self._finishing[short, account, region] = self._aws.background(self._finish(short, account, region))

    async def _await_finished(self) -> None:
        """Hold an answer back while a stack that the base has made is being completed."""
        for place, task in list(self._finishing.items()):
            stack = _find(*place)
            if stack is not None and not stack["StackStatus"].endswith("_IN_PROGRESS"):
                await asyncio.wait([task])
            if task.done():
                self._finishing.pop(place, None)

    async def _finish(self, name: str, account: str, region: str) -> None:
        stack = await _settled(name, account, region)
        await self._forget_removed()
        if stack is None or stack["StackStatus"] not in _MADE:
            return
        faults = await asyncio.to_thread(_complete, stack, partial(root_clients.client, self._aws.settings))
        if faults:
            log.error("stack %s does not hold what its template says:\n%s", name, "\n".join(faults))
            _fail(stack, account, region, faults)

    async def _forget_removed(self) -> None:
        """The base removes a stack's resources by itself; what we know beside it goes with them."""
        listed = await self._aws.forward("AWSGlue.GetCrawlers", {})
        crawls_of(self._aws).forget_all_but([crawler["Name"] for crawler in listed["Crawlers"]])
        await forget_removed_tables(self._aws)


def _base() -> ModuleType:
    """The base's CloudFormation: a second of imports, spared where no stack is made."""
    return import_module("include.local_aws.base_stacks")


def _find(name: str, account: str, region: str) -> Json | None:
    found: Json | None = _base().STACKS.get_scoped(account, region, name)
    return found


async def _settled(name: str, account: str, region: str) -> Json | None:
    """The stack once the base is done with it."""
    while (stack := _find(name, account, region)) is not None and stack["StackStatus"].endswith("_IN_PROGRESS"):
        await asyncio.sleep(0.01)
    return stack


def _complete(stack: Json, clients: Callable[[str], Any]) -> list[str]:
    """Apply what was dropped, then name every property that is not as the template says."""
    faults = []
    for logical_id, resource in stack.get("_resources", {}).items():
        kind, physical_id = resource["ResourceType"], resource["PhysicalResourceId"]
        try:
            if repair := REPAIRS.get(kind):
                repair(clients, physical_id, resource["Properties"])
            found = resource_differences(clients, kind, physical_id, resource["Properties"])
        except Exception as error:
            found = [repr(error)]
        faults += [f"{logical_id} ({kind}): {fault}" for fault in found]
    return faults


def _fail(stack: Json, account: str, region: str, faults: list[str]) -> None:
    """Show the stack as failed, with one event per fault."""
    status = "CREATE_FAILED" if stack["StackStatus"] == "CREATE_COMPLETE" else "UPDATE_FAILED"
    stack["StackStatus"] = status
    stack["StackStatusReason"] = "; ".join(faults)[:1000]
    for fault in faults:
        _base().add_event(stack, account, region, fault.split(" ", 1)[0], status, fault)
