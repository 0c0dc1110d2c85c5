"""The set-up: what is missing gets one clear line, what is damaged is not used."""

from __future__ import annotations

import json
import socket
import ssl
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from include.laptop import paths
from include.laptop.setup import __main__ as setup
from include.laptop.setup import environments, jars, java
from include.laptop.setup.commands import run
from include.laptop.setup.errors import SetupError
from include.laptop.setup.trust import build_trust_store, write_trust_store


def test_an_unsupported_python_is_named_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(setup, "SUPPORTED", ((3, 99), (3, 99)))
    assert setup.main() == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "install Python 3.11" in lines[0]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout that is set up, as far as a start looks; any work on it fails."""
    local = paths.LOCAL
    for name, value in vars(paths).items():
        if isinstance(value, Path) and value.is_relative_to(local):
            monkeypatch.setattr(paths, name, tmp_path / value.relative_to(local))
    in_place = [*map(paths.python_of, (paths.AIRFLOW_ENV, paths.AWS_ENV)), paths.AIRFLOW_TEMPLATE_DB]
    for path in (*in_place, *(jar.path for jar in jars.read_jars()), tmp_path / "jdk" / "bin" / "java"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    paths.JAVA_HOME_LINK.symlink_to(tmp_path / "jdk")
    paths.SETUP_STAMP.write_text(json.dumps({"inputs": setup._digest()}))

    def work() -> None:
        raise SetupError("this is work")

    monkeypatch.setattr(setup, "_set_up", work)
    return tmp_path


def test_a_second_start_does_no_work(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert setup.main() == 0
    assert "".join(capsys.readouterr()) == ""


@pytest.mark.parametrize("is_listening", [True, False])
def test_only_the_settings_of_a_local_aws_that_listens_stay(checkout: Path, is_listening: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        paths.AWS_ENV_FILE.write_text(f"AWS_ENDPOINT_URL=http://127.0.0.1:{server.getsockname()[1]}\n")
        if not is_listening:
            server.close()
        assert setup.main() == 0
    assert paths.AWS_ENV_FILE.exists() is is_listening


@pytest.mark.parametrize(
    "gone",
    ["setup.json", "envs/airflow/bin/python", "envs/aws/bin/python", "airflow/template.db", "java", "jdk/bin/java"]
    + [f"jars/{jar.path.name}" for jar in jars.read_jars()],
)
def test_what_has_gone_is_work_again(checkout: Path, gone: str) -> None:
    (checkout / gone).unlink()
    assert setup.main() == 1


@pytest.mark.parametrize(("version", "is_kept"), [("{}.{}.1", True), ("3.10.9", False)])
def test_an_environment_of_another_python_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, is_kept: bool
) -> None:
    commands: list[Sequence[object]] = []
    monkeypatch.setattr(environments, "run", lambda command, what: commands.append(command))
    environment = tmp_path / "airflow"
    paths.python_of(environment).parent.mkdir(parents=True)
    paths.python_of(environment).touch()
    (environment / "pyvenv.cfg").write_text(f"uv = 3.10.1\nversion_info = {version.format(*sys.version_info)}\n")
    environments._make(Path("uv"), environment)
    assert environment.exists() is is_kept
    assert len(commands) == (0 if is_kept else 1)


def test_a_changed_input_is_work_again(monkeypatch: pytest.MonkeyPatch) -> None:
    before = setup._digest()
    monkeypatch.setattr(setup, "INPUTS", setup.INPUTS[:-1])
    assert setup._digest() != before


def test_a_damaged_jar_is_removed_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "JARS", tmp_path)
    wanted = jars.read_jars()[0]

    def download(command: list[object], what: str) -> str:
        wanted.path.write_bytes(b"not a jar")
        return ""

    monkeypatch.setattr(jars, "run", download)
    with pytest.raises(SetupError, match=wanted.path.name):
        jars._fetch(wanted, tmp_path)
    assert not wanted.path.exists()


def test_four_jars_are_pinned() -> None:
    assert [jar.artifact for jar in jars.read_jars()] == [
        "iceberg-spark-runtime-4.1_2.13",
        "iceberg-aws-bundle",
        "hadoop-aws",
        "s3-transfer-manager",
    ]


@pytest.mark.parametrize(("version", "major"), [("17.0.15", 17), ("21.0.1", 21), ("1.8.0_402", 1)])
def test_java_tells_its_version(tmp_path: Path, version: str, major: int) -> None:
    command = tmp_path / "bin" / "java"
    command.parent.mkdir()
    command.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    command.chmod(0o755)
    assert java._major(tmp_path) == major


def test_the_packaged_java_trusts_what_the_machine_trusts(tmp_path: Path) -> None:
    keytool = paths.JAVA_HOME_LINK / "bin" / "keytool"
    certificates = ssl.create_default_context().get_ca_certs(binary_form=True)
    write_trust_store(tmp_path / "trusted.jks", tmp_path / "unused")
    assert (tmp_path / "trusted.jks").read_bytes() == build_trust_store(certificates)
    if keytool.exists():
        command = [keytool, "-list", "-keystore", tmp_path / "trusted.jks", "-storepass", "changeit"]
        assert f"contains {len(certificates)} entries" in run(command, "listing the trust store")


def test_a_failing_command_shows_one_line_and_keeps_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    monkeypatch.setattr(paths, "SETUP_LOG", tmp_path / "set-up.log")
    command = [sys.executable, "-c", "import sys; print('filling the kettle'); sys.exit('no water\\n')"]
    with pytest.raises(SetupError, match=r"^making tea failed: no water \(all of it: set-up\.log\)$"):
        run(command, "making tea")
    assert "filling the kettle" in (tmp_path / "set-up.log").read_text()
