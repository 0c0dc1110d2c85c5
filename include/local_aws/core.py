"""What handlers may use: the clock, the base in process, authorization, background work and child processes."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import json
import logging
import os
import signal
from collections.abc import Coroutine
from typing import Any

from include.local_aws import base, children
from include.local_aws.calls import Answer, AwsError, Call, Handler, Identity, Json, Settings
from include.local_aws.change_capture import CapturingApp, ChangeCapture
from include.local_aws.change_log import ChangeLog
from include.local_aws.clock import Clock
from include.local_aws.decisions import Decisions
from include.local_aws.exports import Exports
from include.local_aws.faults import Faults
from include.local_aws.glue_definitions import JobExecutionProperties
from include.local_aws.iam_checks import Check, own_checks
from include.local_aws.lifecycles import Lifecycles
from include.local_aws.pitr import Pitr
from include.local_aws.stream_mapping.mappings import StreamMappings
from include.local_aws.time_to_live import TimeToLive

log = logging.getLogger(__name__)


class LocalAws:
    """One running local AWS, handed to every handler."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock
        self.decisions = Decisions()
        self.faults = Faults()
        self.job_execution = JobExecutionProperties()
        self.handlers: dict[str, Handler] = {}
        self.pitr = Pitr()
        self.exports = Exports()
        self.time_to_live = TimeToLive()
        self.change_log = ChangeLog(settings.data_dir / "changes.sqlite")
        self.capture = ChangeCapture(self.change_log, clock)
        self.base_app = CapturingApp(base.base_app, self.capture, base.account_and_region_of)
        self.stream_mappings = StreamMappings(self)
        self.lifecycles = Lifecycles(self)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._processes: set[asyncio.subprocess.Process] = set()

    @property
    def root(self) -> Identity:
        account = self.settings.account_id
        return Identity(self.settings.root_access_key, f"arn:aws:iam::{account}:root", account)

    async def request(
        self,
        method: str,
        path: str,
        *,
        service: str,
        query: str = "",
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        identity: Identity | None = None,
        region: str | None = None,
    ) -> Answer:
        """Send one request to the base in process, as root or as `identity`, and return its raw answer."""
        caller, place = identity or self.root, region or self.settings.region
        request = base.Request(method, path, service, query, headers or {}, body, caller, place)
        work = base.send(self.base_app, request)
        return await asyncio.create_task(work, context=contextvars.copy_context())

    async def forward(
        self, target: str, body: Json, *, identity: Identity | None = None, region: str | None = None
    ) -> Json:
        """Call a JSON-protocol operation of the base (`AWSGlue.GetTable`). Raises AwsError as the base answers it."""
        headers = {"x-amz-target": target, "content-type": f"application/x-amz-json-{base.json_version(target)}"}
        answer = await self.request(
            "POST",
            "/",
            service=base.service_of(target),
            headers=headers,
            body=json.dumps(body).encode(),
            identity=identity,
            region=region,
        )
        content: Json = json.loads(answer.body or b"{}")
        if answer.status >= 300:
            raise base.error_of(answer, content)
        return content

    async def call(self, target: str, body: Json, *, identity: Identity | None = None) -> Json:
        """As `forward`, but through our own handler where there is one (a job's definition, PITR, exports)."""
        handler = self.handlers.get(target)
        if handler is None:
            return await self.forward(target, body, identity=identity)
        who = identity or self.root
        action = target.partition(".")[2]
        call = Call(base.service_of(target), action, target, body, {}, self.settings.region, who.account_id, who)
        return await handler(call, self)

    def enforce_own(self, call: Call) -> None:
        """Take the checks of a Glue or Logs operation that a handler answers. Raises AccessDeniedException."""
        for check in own_checks(call.service, call.action, call.body, call.region, call.account) or []:
            self.enforce(call.identity, check, call.region)

    def enforce(self, identity: Identity, check: Check, region: str) -> None:
        """Take and record one check. Raises AccessDeniedException when no spelling of its resource is allowed."""
        denials = [base.decide(identity, check.action, arn, region, check.context) for arn in check.either]
        explicit = next((one for one in denials if one is not None and "explicit deny" in one), None)
        allowed = explicit is None and None in denials
        resource = check.either[denials.index(None) if allowed else 0]
        self.decisions.record(self.clock.now(), identity, check.action, resource, allowed=allowed)
        if not allowed:
            raise AwsError("AccessDeniedException", explicit or str(denials[0]))

    def authorize(self, call: Call, iam_action: str, resource_arn: str, context: dict[str, Any] | None = None) -> None:
        """Let the caller through or raise AccessDeniedException; the decision is recorded either way.

        `context` holds condition keys beside the global ones (`{"dynamodb:LeadingKeys": ["u1"]}`).
        """
        self.authorize_identity(call.identity, iam_action, resource_arn, call.region, context)

    def authorize_identity(
        self,
        identity: Identity,
        iam_action: str,
        resource_arn: str,
        region: str | None = None,
        context: dict[str, Any] | None = None,
    ) -> None:
        """As `authorize`, for an identity without a request at hand (a job's role)."""
        check = Check(iam_action, (resource_arn,), context or {})
        self.enforce(identity, check, region or self.settings.region)

    def background(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run `work` beside the requests, in a context of its own; a failure is logged, never silent."""
        task = asyncio.create_task(work, context=contextvars.Context())
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("background work failed", exc_info=task.exception())

    async def spawn(self, *command: str, **options: Any) -> asyncio.subprocess.Process:
        """Start a child in a process group of its own; it dies with local AWS."""
        process = await asyncio.create_subprocess_exec(
            *command, start_new_session=True, preexec_fn=children.die_with_parent, **options
        )
        self._processes = {one for one in self._processes if one.returncode is None} | {process}
        return process

    async def stop(self) -> None:
        """Cancel background work and end every child with its group; returns within 3 seconds."""
        for task in list(self._tasks):
            task.cancel()
        living = [process for process in self._processes if process.returncode is None]
        for process in living:
            _signal_group(process.pid, signal.SIGTERM)
        if living:
            await asyncio.wait([asyncio.ensure_future(process.wait()) for process in living], timeout=2.5)
        for process in living:
            _signal_group(process.pid, signal.SIGKILL)


def _signal_group(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, number)
