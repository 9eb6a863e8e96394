"""A web server and a mail server that keep what they are sent, and answer as a test wants."""

from __future__ import annotations

import contextlib
import http.server
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any


@dataclass
class Hook:
    """What a web server got.

    Attributes:
        answers: statuses to answer with, one by one; the last one again and again.
        hold: while it is not set, no answer is given.
    """

    url: str = ""
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    answers: list[int] = field(default_factory=lambda: [200])
    hold: threading.Event = field(default_factory=threading.Event)
    drip: bool = False


class _Threads(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


@contextlib.contextmanager
def _served(handler: Any) -> Iterator[str]:
    with _Threads(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def web_server() -> Iterator[Hook]:
    """Run a web server."""
    hook = Hook()
    hook.hold.set()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hook.bodies.append(body)
            hook.headers.append(dict(self.headers))
            hook.paths.append(self.path)
            if hook.drip:
                with contextlib.suppress(OSError):
                    while not hook.hold.wait(0.05):  # a header without end
                        self.wfile.write(b"x")
                return
            hook.hold.wait(60)
            status = hook.answers.pop(0) if len(hook.answers) > 1 else hook.answers[0]
            with contextlib.suppress(OSError):
                self.send_response(status)
                self.send_header("Location", f"{hook.url}/elsewhere")
                self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with _served(Handler) as address:
        hook.url = f"http://{address}"
        try:
            yield hook
        finally:
            hook.hold.set()


@dataclass
class Mailbox:
    """What a mail server got.

    Attributes:
        refusal: what it says to a recipient instead of 250.
    """

    address: str = ""
    messages: list[EmailMessage] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    refusal: str = ""


@contextlib.contextmanager
def mail_server() -> Iterator[Mailbox]:
    """Run a mail server that knows as much of SMTP as a client here says."""
    box = Mailbox()

    class Handler(socketserver.StreamRequestHandler):
        def say(self, line: str) -> None:
            self.wfile.write(f"{line}\r\n".encode())

        def handle(self) -> None:
            self.say("220 test")
            for raw in self.rfile:
                word = raw[:4].upper().strip()
                if word == b"EHLO":
                    self.wfile.write(b"250-test\r\n250 AUTH PLAIN\r\n")
                elif word == b"AUTH":
                    box.logins.append(raw.decode().strip())
                    self.say("235 welcome")
                elif word == b"RCPT" and box.refusal:
                    self.say(box.refusal)
                elif word == b"DATA":
                    self.say("354 go on")
                    lines = list(iter(self.rfile.readline, b".\r\n"))
                    box.messages.append(message_from_bytes(b"".join(lines), policy=policy.default))  # type: ignore[arg-type]
                    self.say("250 taken")
                elif word == b"QUIT":
                    self.say("221 bye")
                    return
                else:
                    self.say("250 fine")

    with _served(Handler) as address:
        box.address = address
        yield box
