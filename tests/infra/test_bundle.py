"""The bundle is its content: the same bytes wherever and whenever it is built, importable from the zip alone."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from include.deploy.bundle import CAPTURE, LIBRARY, LIBRARY_PACKAGES, SCRIPT, BundleError, build_bundle, build_zip
from include.dynamo_lake.declaration import pipeline_names
from tests.infra.template import ROOT


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return copy_checkout(tmp_path / "checkout")


def copy_checkout(folder: Path) -> Path:
    """Copy what a bundle is made of; the script stands for itself, whatever it does."""
    for package in ("include/dynamo_lake", "include/pipelines", "include/stream_capture"):
        shutil.copytree(ROOT / package, folder / package)
    shutil.copy(ROOT / "include" / "__init__.py", folder / "include")
    for part in ("plugins", "dags"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "requirements.txt", folder)
    (folder / "glue_scripts").mkdir()
    (folder / "glue_scripts" / "__init__.py").touch()
    (folder / "glue_scripts" / SCRIPT).write_text("print('merge')\n")
    return folder


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


def test_a_clean_interpreter_reads_every_declaration_from_the_zip_alone(checkout: Path, tmp_path: Path) -> None:
    library = tmp_path / "library.zip"
    library.write_bytes(build_zip(checkout, LIBRARY_PACKAGES))
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import glue_scripts, include.dynamo_lake\n"
        "from include.dynamo_lake.declaration import pipeline_names, read_declaration\n"
        "assert sys.argv[1] in include.dynamo_lake.__file__\n"
        "print(*[read_declaration(name).name for name in pipeline_names()])\n"
    )
    command = [sys.executable, "-I", "-S", "-c", program, str(library)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert tuple(done.stdout.split()) == pipeline_names() != ()


def test_a_folder_without_init_is_refused_by_name(checkout: Path) -> None:
    (checkout / "include" / "dynamo_lake" / "declaration" / "__init__.py").unlink()
    with pytest.raises(BundleError, match=r"declaration/__init__\.py is missing"):
        build_bundle(checkout)


def test_a_missing_script_is_refused_by_name(checkout: Path) -> None:
    (checkout / "glue_scripts" / SCRIPT).unlink()
    with pytest.raises(BundleError, match=r"glue_scripts/merge_job\.py is missing"):
        build_bundle(checkout)
