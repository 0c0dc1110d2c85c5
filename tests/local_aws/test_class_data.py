"""Spark's shared classes: made only by a Java that shares its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.local_aws.glue_jobs import class_data


@pytest.mark.parametrize(("status", "shares"), [(0, True), (1, False)])
def test_a_java_without_an_archive_of_its_own_is_not_asked_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, shares: bool
) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text(f'#!/bin/sh\n[ "$*" = "-Xshare:on -version" ] && exit {status}\n')
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert class_data._java_shares_classes() is shares
