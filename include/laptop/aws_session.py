"""An Airflow session factory for many tasks in one process: all share what botocore reads about AWS's services.

A task's process of its own reads two or three services' models once. ``make dag`` and the end-to-end tests run every task in one
process, and botocore, which reads them anew for each session, took two thirds of their time.
"""

from __future__ import annotations

from typing import Any

import boto3
import botocore.session
from airflow.providers.amazon.aws.hooks.base_aws import BaseSessionFactory
from botocore.loaders import Loader

_MODELS = Loader()


class SharedModelsSessionFactory(BaseSessionFactory):
    """The provider's own factory, over one loader of models. Named in ``[aws] session_factory``."""

    def create_session(self, deferrable: bool = False) -> Any:
        """Return the provider's session for the connection, its role assumed."""
        session = super().create_session(deferrable)
        if isinstance(session, boto3.session.Session):
            session._session.register_component("data_loader", _MODELS)
        return session

    def _create_basic_session(self, session_kwargs: dict[str, Any]) -> boto3.session.Session:
        session = botocore.session.get_session()
        session.register_component("data_loader", _MODELS)
        return boto3.session.Session(botocore_session=session, **session_kwargs)
