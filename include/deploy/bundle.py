"""Build what Glue and Lambda run: the entry script and one zip for each, named by their content."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from include.dynamo_lake.errors import TerminalError

SCRIPT = "merge_job.py"
LIBRARY = "library.zip"
LIBRARY_PACKAGES = ("include/dynamo_lake", "include/pipelines", "glue_scripts")
CAPTURE = "capture.zip"
CAPTURE_PACKAGES = ("include/dynamo_lake", "include/pipelines", "include/stream_capture")

# The earliest date that a zip can hold: archives of equal content are equal whenever and wherever they are built.
_FIXED_DATE = (1980, 1, 1, 0, 0, 0)


class BundleError(TerminalError):
    """The checkout lacks something that a bundle needs."""


@dataclass(frozen=True)
class Bundle:
    """Files by object name under ``code/<version>/``; ``version`` is a SHA-256 over their names and contents."""

    version: str
    files: Mapping[str, bytes]

    def keys(self) -> dict[str, str]:
        """Object key in the pipeline's bucket by file name."""
        return {name: f"code/{self.version}/{name}" for name in self.files}


def build_bundle(root: Path) -> Bundle:
    """Read the checkout at ``root`` and build the bundle that its merge job and its stream function run.

    Raises:
        BundleError: the entry script, a package or an ``__init__.py`` is missing.
    """
    script = root / "glue_scripts" / SCRIPT
    if not script.is_file():
        raise BundleError(f"{script} is missing: run from a complete checkout")
    zips = {LIBRARY: build_zip(root, LIBRARY_PACKAGES), CAPTURE: build_zip(root, CAPTURE_PACKAGES)}
    return bundle_of({SCRIPT: script.read_bytes(), **zips})


def bundle_of(files: Mapping[str, bytes]) -> Bundle:
    """Name ``files`` by their content."""
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name}\0{hashlib.sha256(files[name]).hexdigest()}\n".encode())
    return Bundle(digest.hexdigest(), dict(files))


def build_zip(root: Path, packages: tuple[str, ...]) -> bytes:
    """Build a zip of ``packages`` (paths from ``root``) and the ``__init__.py`` of every folder above them."""
    members: dict[str, bytes] = {}
    for package in packages:
        members |= members_of(root, package)
    return build_zip_of(members)


def members_of(root: Path, package: str) -> dict[str, bytes]:
    """Content by path from ``root`` of a package's files and of the ``__init__.py`` of every package above it.

    Raises:
        BundleError: the package or an ``__init__.py`` is missing.
    """
    paths = (*_parents_of(root, package), *_files_of(root / package))
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}


def build_zip_of(members: Mapping[str, bytes]) -> bytes:
    """Zip ``members`` sorted, dated alike and without compression: zlib's output depends on its build."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(members):
            archive.writestr(_member(name), members[name])
    return buffer.getvalue()


def _member(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name, _FIXED_DATE)
    member.create_system = 3  # Unix, also where the archive is built elsewhere
    member.external_attr = 0o644 << 16
    return member


def _parents_of(root: Path, package: str) -> Iterator[Path]:
    for folder in Path(package).parents:
        # The plugins folder is no package: it is the root of its zip.
        if folder not in {Path(), Path("plugins")}:
            yield _required_init(root / folder)


def _files_of(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        raise BundleError(f"{folder} is missing: run from a complete checkout")
    # A folder of plain files, such as a waiter model's, is read by its path and need not be a package.
    if any(folder.glob("*.py")):
        _required_init(folder)
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name == "__pycache__" or path.suffix == ".pyc":
            continue
        if path.is_dir():
            yield from _files_of(path)
        else:
            yield path


def _required_init(folder: Path) -> Path:
    init = folder / "__init__.py"
    if not init.is_file():
        raise BundleError(f"{init} is missing: a zip member is importable only below packages; add an empty file")
    return init
