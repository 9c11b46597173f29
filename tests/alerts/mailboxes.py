"""A real SMTP server and a real webhook on loopback, that keep what they are sent and can refuse it."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_string
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Mailbox:
    """What arrived over SMTP; `refusing` answers every recipient with 550."""

    def __init__(self) -> None:
        self.mails: list[Message] = []
        self.refusing = threading.Event()
        box = self

        class Session(socketserver.StreamRequestHandler):
            def say(self, line: str) -> None:
                self.wfile.write(f"{line}\r\n".encode())

            def handle(self) -> None:
                self.say("220 loopback ESMTP")
                while line := self.rfile.readline():
                    word = line.split(b":")[0].strip().upper()
                    if word.startswith((b"EHLO", b"HELO")):
                        self.say("250 loopback")
                    elif word == b"DATA":
                        self.say("354 go on")
                        self.take()
                    elif word == b"QUIT":
                        self.say("221 bye")
                        return
                    elif word == b"RCPT TO" and box.refusing.is_set():
                        self.say("550 no such mailbox")
                    else:
                        self.say("250 fine")

            def take(self) -> None:
                lines: list[str] = []
                while (line := self.rfile.readline()) not in (b".\r\n", b""):
                    lines.append(line.decode())
                box.mails.append(message_from_string("".join(lines).replace("\r\n", "\n")))
                self.say("250 taken")

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session)
        self.server.daemon_threads = True

    @property
    def url(self) -> str:
        """The apprise address of this mailbox, with a password in it."""
        return f"mailto://127.0.0.1:{self.server.server_address[1]}?from=desk@kanpan.test&to=me@kanpan.test&mode=insecure"


class Hook:
    """What arrived by HTTP POST; `status` is what it answers."""

    def __init__(self) -> None:
        self.posts: list[dict[str, Any]] = []
        self.tried = 0
        self.status = 200
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                hook.tried += 1
                if hook.status == 200:
                    hook.posts.append({"path": self.path, **json.loads(body)})
                self.send_response(hook.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        """The apprise address of this webhook, with a secret in its path."""
        return f"json://127.0.0.1:{self.server.server_port}/hook/s3cr3t-t0ken"


@contextmanager
def listening(place: Mailbox | Hook) -> Iterator[None]:
    """The server under way."""
    thread = threading.Thread(target=place.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        place.server.shutdown()
        place.server.server_close()


def text_of(mail: Message) -> str:
    """The readable part of a mail."""
    part = next((item for item in mail.walk() if item.get_content_type() == "text/plain"), mail)
    return bytes(part.get_payload(decode=True) or b"").decode()
