"""Crawlers that catalog, and the catalog's operations that the base lacks: table versions and optimizers."""

from __future__ import annotations

from include.local_aws.calls import Handler
from include.local_aws.crawlers import handlers, optimizers, table_versions

HANDLERS: dict[str, Handler] = {**handlers.HANDLERS, **table_versions.HANDLERS, **optimizers.HANDLERS}
