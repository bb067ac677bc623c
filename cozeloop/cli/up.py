"""``cozeloop up``: the embedded platform in one command."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from cozeloop.cli.looping import run_on_loop, settle
from cozeloop.cli.running import DEFAULT_DATA_DIR, DataDir, Failed, RunFile, in_a_sentence, settings_of

EXAMPLES = """Examples:

cozeloop up

cozeloop up --data-dir /var/lib/cozeloop --port 9000 --host 0.0.0.0"""

GRACE_SECONDS = 3


def up(
    data_dir: DataDir = DEFAULT_DATA_DIR,
    port: Annotated[
        int | None, typer.Option(envvar="COZELOOP_PORT", min=0, max=65535, help="Port to listen on.")
    ] = None,
    host: Annotated[str | None, typer.Option(envvar="COZELOOP_HOST", help="Address to listen on.")] = None,
    quiet: Annotated[bool, typer.Option(help="Log warnings only.")] = False,
) -> None:
    """Start the platform on one data directory; Ctrl-C or SIGTERM stops it with exit status 0."""
    if sys.platform not in ("linux", "darwin"):
        typer.echo("cozeloop: runs on Linux and macOS; on Windows use WSL", err=True)
        raise typer.Exit(1)
    from infra.messaging.lock import DataDirInUse, DataDirLock

    logging.basicConfig(
        level=logging.WARNING if quiet else logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)
    chosen: dict[str, Any] = {"data_dir": data_dir, "port": port, "host": host}
    os.umask(0o077)
    try:
        settings = settings_of(**{k: v for k, v in chosen.items() if v is not None})
        with DataDirLock(settings.data_dir) as lock, _listener(settings.host, settings.port) as listener:
            failed = run_on_loop(_serve(settings, lock, listener, quiet))
    except (DataDirInUse, Failed, OSError) as error:
        typer.echo(f"cozeloop: {in_a_sentence(error)}", err=True)
        raise typer.Exit(1) from None
    if failed:
        typer.echo(f"cozeloop: {failed}", err=True)
        raise typer.Exit(1)


def _listener(host: str, port: int) -> socket.socket:
    """The socket to listen on, taken before anything is started; raises Failed in a sentence."""
    try:
        [(family, kind, _, _, address), *_] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        listener = socket.socket(family, kind)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # handed on; without it answers wait 40 ms
        listener.bind(address)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise Failed(f"cannot listen on {host} port {port}: {reason}; name another with --port or --host") from None
    return listener


async def _serve(settings: Any, lock: Any, listener: socket.socket, quiet: bool) -> str:
    """Serves until it is told to stop; why it failed, empty when it did not."""
    import uvicorn

    from cozeloop.api.app import create_app
    from cozeloop.api.protocol import BoundedHttp
    from cozeloop.bootstrap import Embedded

    failed: list[str] = []
    port = listener.getsockname()[1]

    def end(sentence: str) -> None:
        failed.append(sentence)
        embedded.leave()
        server.should_exit = True

    embedded = Embedded(settings, lock, on_end=end)

    async def start() -> None:
        try:
            await embedded.start()
        except Exception as error:
            end(in_a_sentence(error))
            return
        settle()
        if sentence := embedded.platform.trouble():
            typer.echo(f"cozeloop: {sentence}", err=True)
        elif not quiet:
            typer.echo(f"CozeLoop ES is ready at http://{settings.host}:{port} (data in {settings.data_dir})")

    config = uvicorn.Config(
        create_app(embedded.platform),
        host=settings.host,
        port=settings.port,
        http=BoundedHttp,
        log_config=None,
        access_log=False,
        lifespan="off",  # uvicorn leaves its end out when a second signal does not wait for answers
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_keep_alive=75,
        server_header=False,
        date_header=False,
    )
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign]
    address = settings.host if settings.host not in ("0.0.0.0", "::") else "127.0.0.1"
    address = f"[{address}]" if ":" in address else address
    RunFile(f"http://{address}:{port}", embedded.platform.operator_token, os.getpid()).write(settings.data_dir)
    with _told(server, embedded.leave):
        starting = asyncio.get_running_loop().create_task(start())
        try:
            await server.serve([listener])
        finally:
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            await embedded.stop()
            (Path(settings.data_dir) / "run.json").unlink(missing_ok=True)
    return failed[0] if failed else ""


@contextlib.contextmanager
def _told(server: Any, leave: Callable[[], None]) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the server in order. Uvicorn's own would raise the signal again and skip the rest.

    Answers that last are ended first: the server waits for them, unless it is told again. Afterwards, while the process
    ends, signals change nothing.
    """
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)

    def handle(number: int) -> None:
        leave()
        server.handle_exit(number, None)

    for number in numbers:
        loop.add_signal_handler(number, handle, number)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_IGN)
