"""The bundle is its content: the same bytes wherever and whenever it is built, importable from the zip alone."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import pytest

from include.deploy.bundle import CAPTURE, LIBRARY, SCRIPT, BundleError, build_bundle
from tests.infra.checkouts import copy_checkout


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return copy_checkout(tmp_path / "checkout")


def test_two_folders_at_two_times_give_the_same_bytes(checkout: Path, tmp_path: Path) -> None:
    other = copy_checkout(tmp_path / "elsewhere" / "deeper")
    for path in other.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
        path.chmod(0o700)
    (other / "glue_scripts" / "__pycache__").mkdir()
    (other / "glue_scripts" / "__pycache__" / "merge_job.cpython-311.pyc").write_bytes(b"compiled")
    assert build_bundle(checkout) == build_bundle(other)


@pytest.mark.parametrize(
    "changed", ["include/dynamo_lake/names.py", "include/stream_capture/handler.py", "glue_scripts/merge_job.py"]
)
def test_a_changed_file_changes_the_version(checkout: Path, changed: str) -> None:
    before = build_bundle(checkout)
    (checkout / changed).write_text((checkout / changed).read_text() + "\n# changed\n")
    assert build_bundle(checkout).version != before.version


def test_keys_carry_the_version(checkout: Path) -> None:
    bundle = build_bundle(checkout)
    assert bundle.keys() == {name: f"code/{bundle.version}/{name}" for name in (SCRIPT, LIBRARY, CAPTURE)}


def _include_folders(archive: bytes) -> set[str]:
    names = zipfile.ZipFile(io.BytesIO(archive)).namelist()
    return {"/".join(name.split("/")[:2]) for name in names if name.startswith("include/")}


def test_each_zip_holds_the_domain_and_its_own_code_only(checkout: Path) -> None:
    files = build_bundle(checkout).files
    common = {"include/__init__.py", "include/dynamo_lake", "include/pipelines"}
    assert _include_folders(files[LIBRARY]) == common
    assert _include_folders(files[CAPTURE]) == common | {"include/stream_capture"}
    assert not any(name.startswith("glue_scripts") for name in zipfile.ZipFile(io.BytesIO(files[CAPTURE])).namelist())


def test_a_folder_without_init_is_refused_by_name(checkout: Path) -> None:
    (checkout / "include" / "dynamo_lake" / "declaration" / "__init__.py").unlink()
    with pytest.raises(BundleError, match=r"declaration/__init__\.py is missing"):
        build_bundle(checkout)


def test_a_missing_script_is_refused_by_name(checkout: Path) -> None:
    (checkout / "glue_scripts" / SCRIPT).unlink()
    with pytest.raises(BundleError, match=r"glue_scripts/merge_job\.py is missing"):
        build_bundle(checkout)
