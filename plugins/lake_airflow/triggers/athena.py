"""Wait for an Athena query."""

from __future__ import annotations

from lake_airflow.triggers.base import DeadlineTrigger


class QueryEndedTrigger(DeadlineTrigger):
    """Wait until a query has ended; stop it when a person kills the waiting task."""

    service = "athena"

    def __init__(
        self, *, query_id: str, deadline: float, waiter_delay: int, aws_conn_id: str | None = "aws_default"
    ) -> None:
        super().__init__(
            deadline=deadline,
            serialized_fields={"query_id": query_id},
            waiter_name="query_ended",
            waiter_args={"QueryExecutionId": query_id},
            status_message=f"Query {query_id}",
            status_queries=["QueryExecution.Status.State"],
            return_key="query_id",
            return_value=query_id,
            waiter_delay=waiter_delay,
            aws_conn_id=aws_conn_id,
        )
        self.query_id = query_id

    async def on_kill(self) -> None:
        async with await self.hook().get_async_conn() as client:  # type: ignore[no-untyped-call]
            await client.stop_query_execution(QueryExecutionId=self.query_id)
        self.log.info("Asked Athena to stop query %s: its task was killed", self.query_id)
