"""``pravah serve``: the dashboard, the API or a worker, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from enum import StrEnum
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from services.base import addresses, errors, life
from services.cli import arguments, listening, output, session

if TYPE_CHECKING:
    from services.base.settings import Settings

_CLOSE_SECONDS = 5
_NICE = 5
"""Of a server's worker: with it, work that keeps all cores busy leaves three quarters of one to who asks for it."""
_STOP_SECONDS = 25
"""For a worker whose server is gone: less than the server waits before it kills its worker."""


class Part(StrEnum):
    """What to serve."""

    ALL = "all"
    WEB = "web"
    API = "api"
    WORKER = "worker"


# Strings: the command line knows neither the pages nor the API, uvicorn does.
_FACTORIES = {
    Part.ALL: "pages.server:create",
    Part.WEB: "pages.server:create_web",
    Part.API: "services.api.asgi:create",
}


def serve(
    part: Annotated[
        Part,
        typer.Argument(
            metavar="all|web|api|worker",
            help="all: dashboard, API and worker; web: dashboard and API; api: only the API; worker: only a worker.",
        ),
    ] = Part.ALL,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on, or unix:/path; default: PRAVAH_HOST.", show_default=False)
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, help="Port to listen on, 0 = any free port; default: PRAVAH_PORT.", show_default=False
        ),
    ] = None,
    browser: Annotated[bool, typer.Option("--open", help="Open the dashboard in the browser.")] = False,
    supervised: Annotated[
        int | None, typer.Option(hidden=True, help="Run as the child of a server that restarted it so many times.")
    ] = None,
    alone: Annotated[UUID | None, typer.Option(hidden=True, help="Run this job only.")] = None,
    json: arguments.Json = False,
) -> int:
    """Serve the dashboard, the API and a worker, or one of them."""
    # The factories read the settings for themselves.
    if host is not None:
        os.environ["PRAVAH_HOST"] = host
    if port is not None:
        os.environ["PRAVAH_PORT"] = str(port)
    config = session.load_settings()
    if part == Part.WORKER:
        return _work(json=json) if supervised is None else _work_as_child(supervised, alone, config)
    return _listen(part, config, browser=browser, json=json)


def _work(*, json: bool) -> int:
    """Run jobs until a signal."""
    stop = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        stop.set()

    with session.opened_here() as services:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, ask)
        worker = services.start_worker()
        database = "the embedded database" if services.database.embedded else services.database.url
        _announce(f"Pravah worker for {database} (Ctrl-C stops it)", {"part": "worker"}, json=json)
        _keep_up(lambda: worker.is_alive, stop)
    return 0


def _work_as_child(restarts: int, alone: UUID | None, config: Settings) -> int:
    """Run jobs, or one job, until the server closes the socket at our stdin, or dies, which closes it too.

    Signals are blocked: those that a terminal sends are for the server, which then closes the socket.
    """
    stop = threading.Event()
    threading.excepthook = _end_without_memory
    opened = list[Callable[[bytes], None]]()

    def listen() -> None:
        while words := os.read(0, 1024):
            for wake in opened:
                wake(words)
        stop.set()
        # Work that cannot be stopped, such as a read from a dead network disk, must not outlive the server.
        last = threading.Timer(_STOP_SECONDS, os._exit, [1])
        last.daemon = True
        last.start()

    life.give_signs(config.heartbeat_seconds)
    threading.Thread(target=listen, name="pravah-server", daemon=True).start()
    # Jobs take all cores: the pages that show them come first. A thread has the niceness that its starter had then.
    os.setpriority(os.PRIO_PROCESS, 0, max(_NICE, os.getpriority(os.PRIO_PROCESS, 0)))
    with session.opened_here() as services:
        if alone is not None:
            return 0 if services.run_alone(alone, stop) else errors.JobConflictError.exit_status
        if not stop.is_set():
            worker = services.start_worker(restarts=restarts)
            opened.append(services.wake)
            _keep_up(lambda: worker.is_alive, stop)
    return 0


def _end_without_memory(failed: threading.ExceptHookArgs) -> None:
    """Say what ended a thread; for lack of memory, end the process: without its heartbeats, say, it is of no use."""
    threading.__excepthook__(failed)
    if issubclass(failed.exc_type, MemoryError):
        os._exit(errors.LimitExceededError.exit_status)


def _keep_up(is_alive: Callable[[], bool], stop: threading.Event) -> None:
    while not stop.wait(1):
        if not is_alive():
            raise errors.InternalError("the worker stopped unexpectedly")


def _listen(part: Part, config: Settings, *, browser: bool, json: bool) -> int:
    import uvicorn

    from services.cli import wire

    addresses.check_reach(config.host, config.public_url, is_insecure=config.insecure)
    listener = listening.bind(config)
    url = listening.shown_url(config, listener)

    class Server(uvicorn.Server):
        """Says where it is, once it is there."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                _say_where(part, url, config, browser=browser, json=json)

    logging.getLogger("uvicorn").setLevel(max(logging.getLevelName(config.log_level), logging.ERROR))
    server_config = uvicorn.Config(
        _FACTORIES[part],
        factory=True,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=_CLOSE_SECONDS,
        http=wire.protocol(config.request_seconds),
    )
    with session.waiting("Starting …"):
        server_config.load()
    server = Server(server_config)
    # Uvicorn gives a signal on when it has closed: without a handler SIGTERM would end the process before
    # the embedded database is stopped. It does not know SIGHUP.
    signal.signal(signal.SIGTERM, _leave)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda _, frame: server.handle_exit(signal.SIGTERM, frame))
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[listener])
    return 0


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


def _say_where(part: Part, url: str, config: Settings, *, browser: bool, json: bool) -> None:
    page = f"{url}/api/docs" if part == Part.API else url
    place = config.host if config.host.startswith(addresses.UNIX) else page
    text, document = f"Pravah is at {place} (Ctrl-C stops it)", {"part": part.value, "url": page}
    if not config.insecure:
        link = document["link"] = session.link_of(url)
        text += f"\nTo log in, open this link. It works once, within an hour:\n  {link}"
    _announce(text, document, json=json)
    _warn(config)
    if browser:
        listening.open_browser(document.get("link", page), config)


def _announce(text: str, document: dict[str, Any], *, json: bool) -> None:
    if json:
        output.data({**document, "pid": os.getpid()})
    else:
        output.line(text)
    sys.stdout.flush()


def _warn(config: Settings) -> None:
    public = config.public_url or ""
    if config.insecure:
        warning = "PRAVAH_INSECURE is set: everybody who can reach this address can use Pravah, without a login."
    elif public.startswith("http://") and not addresses.is_local(
        addresses.split(public[7:].partition("/")[0])[0] or ""
    ):
        warning = "PRAVAH_PUBLIC_URL is not https: others on the network can read the login."
    else:
        return
    output.line(f"Warning: {warning}", error=True)
