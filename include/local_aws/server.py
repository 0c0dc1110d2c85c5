"""Start and stop one local AWS: environment, socket, base, hypercorn."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from include.local_aws.calls import Settings
from include.local_aws.children import watch_parent
from include.local_aws.clock import Clock, parse_instant

ROOT = Path(__file__).resolve().parents[2]
ACCOUNT_ID = "000000000000"
_FOLDER = "instance-"


@dataclass(frozen=True)
class Options:
    """`port` 0 takes a free one; `env_file` is written when ready; `clock` is an ISO instant in the past or None."""

    data_dir: Path
    port: int
    region: str
    env_file: Path | None
    clock: str | None
    spark_python: Path
    jars: Path
    die_with_parent: bool


def serve(options: Options) -> int:
    """Run until SIGINT or SIGTERM. Returns the exit status."""
    started_by = os.getppid()
    clock = Clock(parse_instant(options.clock) if options.clock else None)
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", options.port))
    port = listener.getsockname()[1]
    token = secrets.token_hex(8)
    remove_leftovers(options.data_dir)
    data_dir = options.data_dir / f"{_FOLDER}{port}-{token}"
    data_dir.mkdir(parents=True)
    (data_dir / "pid").write_text(str(os.getpid()))
    access_key, secret_key = "LOCALROOT" + secrets.token_hex(4).upper(), secrets.token_hex(16)
    prepare_environment(port, options.region, data_dir, access_key, secret_key)
    settings = Settings(
        data_dir, port, options.region, ACCOUNT_ID, access_key, secret_key, options.spark_python, options.jars, token
    )
    if options.die_with_parent:
        watch_parent(started_by, lambda: os.kill(os.getpid(), signal.SIGTERM))
    asyncio.run(_run(settings, clock, listener, options.env_file))
    # The base keeps non-daemon worker threads that never end by themselves.
    sys.stdout.flush()
    os._exit(0)


def remove_leftovers(folder: Path) -> None:
    """Remove what ended instances left under `folder`; the last one stays readable until the next start."""
    for pid_file in folder.glob(f"{_FOLDER}*/pid"):
        try:
            os.kill(int(pid_file.read_text()), 0)
        except (ProcessLookupError, ValueError):
            shutil.rmtree(pid_file.parent, ignore_errors=True)
        except PermissionError:
            continue  # another user's process has the number now: leave the folder alone


def prepare_environment(port: int, region: str, data_dir: Path, access_key: str, secret_key: str) -> None:
    """Set what the base reads when it is imported; everything it writes goes under `data_dir`."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "MINISTACK_", "LOCALSTACK_"))]:
        del os.environ[name]
    temp = data_dir / "tmp"
    temp.mkdir()
    os.environ |= {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": region,
        "MINISTACK_ACCOUNT_ID": ACCOUNT_ID,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": secret_key,
        "AWS_DEFAULT_REGION": region,
        "AUTH": "true",
        "STATE_DIR": str(data_dir / "state"),
        "S3_DATA_DIR": str(data_dir / "s3"),
        "TMPDIR": str(temp),
        "PERSIST_STATE": "0",
        "S3_PERSIST": "0",
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "DOCKER_HOST": f"unix://{data_dir}/no-docker.sock",
        "LAMBDA_EXECUTOR": "local",
        "LOG_LEVEL": "WARNING",
    }


async def _run(settings: Settings, clock: Clock, listener: socket.socket, env_file: Path | None) -> None:
    from hypercorn.asyncio import serve as hypercorn_serve
    from hypercorn.config import Config

    from include.local_aws.assembly import build_app

    application = build_app(settings, clock)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    config = Config()
    listener.set_inheritable(True)
    config.bind = [f"fd://{listener.fileno()}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 1
    config.shutdown_timeout = 2
    config.loglevel = "WARNING"
    config.errorlog = "-"
    server = asyncio.create_task(hypercorn_serve(application, config, shutdown_trigger=stop.wait))  # type: ignore[arg-type]
    await application.wait_until_ready()
    announce(settings, env_file)
    await server
    await application.aws.stop()


def announce(settings: Settings, env_file: Path | None) -> None:
    """Write the environment file, then print the one ready line."""
    if env_file is not None:
        lines = {
            "AWS_ENDPOINT_URL": settings.endpoint_url,
            "AWS_REGION": settings.region,
            "AWS_DEFAULT_REGION": settings.region,
            "AWS_ACCESS_KEY_ID": settings.root_access_key,
            "AWS_SECRET_ACCESS_KEY": settings.root_secret_key,
        }
        env_file.parent.mkdir(parents=True, exist_ok=True)
        partial = env_file.with_name(env_file.name + ".partial")
        partial.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
        partial.replace(env_file)
    print(f"local AWS ready: {settings.endpoint_url} token={settings.token} pid={os.getpid()}", flush=True)
