"""Talks to a server: requests with a token, answers as JSON or as a stream, and what is wrong in words."""

from __future__ import annotations

import http.client
import json
import ssl
import urllib.parse
from collections.abc import Iterator, Mapping
from typing import Any

from services.base import errors

VERSION_HEADER = "Pravah-Version"
_CONNECT_SECONDS = 10.0
_ANSWER_SECONDS = 600.0
"""A comparison of large results takes minutes."""
_CHUNK_BYTES = 1 << 20
_REMEDY = "Check PRAVAH_URL, and that the server runs there: pravah serve."

Query = list[tuple[str, str]]


class RefusedError(errors.PravahError):
    """The server refuses, with an error that only an API has."""

    def __init__(self, problem: Mapping[str, Any], status: int) -> None:
        super().__init__(str(problem.get("detail", "")), remedy=problem.get("remedy"))
        self.code = str(problem.get("code", "internal"))
        self.title = str(problem.get("title", "Refused"))
        self.http_status = status
        self.exit_status = 70 if status == 500 else 5 if status > 500 else 3


class Connection:
    """One server."""

    def __init__(self, url: str, token: str, version: str) -> None:
        """Keep its address; nothing is sent.

        Args:
            url: ``http://host:port/path``.
            version: ours; a server of another one is refused.
        """
        self.url = url.rstrip("/")
        self._parts = urllib.parse.urlsplit(self.url)
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        self._version = version
        self._idle: http.client.HTTPConnection | None = None

    def close(self) -> None:
        """Close the connection."""
        if self._idle is not None:
            self._idle.close()
            self._idle = None

    def json(self, method: str, path: str, query: Query | None = None, body: Any = None) -> tuple[int, Any]:
        """Return status and document of an answer.

        Raises:
            ServerUnavailableError: nobody answers, or no Pravah.
            PravahError: what the server says is wrong.
        """
        answer = self._answer(method, path, query, body)
        content = self._read(answer)
        return answer.status, self._document(content) if content else None

    def _read(self, answer: http.client.HTTPResponse) -> bytes:
        try:
            return answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise self._broken(error) from error

    def stream(self, path: str, query: Query | None = None) -> Iterator[bytes]:
        """Return what an answer holds, piece by piece; errors as `json`, and one of the connection also in between."""
        answer = self._answer("GET", path, query)
        # It is read while other requests are made.
        connection, self._idle = self._idle, None

        def chunks() -> Iterator[bytes]:
            try:
                while chunk := answer.read(_CHUNK_BYTES):
                    yield chunk
            except (OSError, http.client.HTTPException) as error:
                raise self._broken(error) from error
            finally:
                if connection is not None:
                    connection.close()

        return chunks()

    def _answer(self, method: str, path: str, query: Query | None, body: Any = None) -> http.client.HTTPResponse:
        asked = f"{self._parts.path}/api{urllib.parse.quote(path)}"
        if query:
            asked += f"?{urllib.parse.urlencode(query)}"
        headers, content = dict(self._headers), None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(body).encode()
        answer = self._sent(method, asked, content, headers)
        if answer.status >= 300:
            self._refuse(answer, self._read(answer))
        self._check_version(answer)
        return answer

    def _sent(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> http.client.HTTPResponse:
        is_used = self._idle is not None
        try:
            connection = self._idle or self._connected()
            self._idle = connection
            connection.request(method, path, body, headers)
            return connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            # The server has closed a connection that was idle: the request is repeated where nothing happens twice.
            if is_used and method == "GET" and not isinstance(error, TimeoutError):
                return self._sent(method, path, body, headers)
            raise self._broken(error) from error

    def _connected(self) -> http.client.HTTPConnection:
        host, port = self._parts.hostname or "", self._parts.port
        connection = (
            http.client.HTTPSConnection(host, port, timeout=_CONNECT_SECONDS, context=ssl.create_default_context())
            if self._parts.scheme == "https"
            else http.client.HTTPConnection(host, port, timeout=_CONNECT_SECONDS)
        )
        connection.connect()
        connection.sock.settimeout(_ANSWER_SECONDS)
        return connection

    def _broken(self, error: Exception) -> errors.PravahError:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
        return errors.ServerUnavailableError(f"the server at {self.url} does not answer: {reason}", remedy=_REMEDY)

    def _document(self, content: bytes) -> Any:
        try:
            return json.loads(content)
        except ValueError:
            raise self._stranger() from None

    def _stranger(self) -> errors.PravahError:
        message = f"what answers at {self.url} is not Pravah"
        return errors.ServerUnavailableError(
            message, remedy="Set PRAVAH_URL to the address that `pravah serve` prints."
        )

    def _refuse(self, answer: http.client.HTTPResponse, content: bytes) -> None:
        if answer.status < 400:
            raise errors.ServerUnavailableError(
                f"the server at {self.url} sends to {answer.headers.get('Location')}",
                remedy="Set PRAVAH_URL to that address.",
            )
        problem = self._document(content)
        if not isinstance(problem, dict) or "code" not in problem:
            raise self._stranger()
        if answer.status == 401:
            refused = RefusedError(problem, 401)
            refused.message = f"the server at {self.url} does not accept the token in PRAVAH_TOKEN"
            refused.remedy = "Make one with `pravah tokens add NAME` on the machine of the server. Tokens expire."
            refused.args = (refused.message,)
            raise refused
        if answer.status not in {401, 403} and problem["code"] != "internal":
            self._check_version(answer)
        if problem["code"] in {row.code for row in errors.ERRORS}:
            error = errors.of_code(problem["code"], problem["detail"], problem.get("remedy"))
            error.details = problem.get("details", {})
            raise error
        raise RefusedError(problem, answer.status)

    def _check_version(self, answer: http.client.HTTPResponse) -> None:
        version = answer.headers.get(VERSION_HEADER)
        if version == self._version:
            return
        theirs = "an earlier Pravah" if version is None else f"Pravah {version}"
        raise errors.ServerUnavailableError(
            f"the server at {self.url} is {theirs}, and this is {self._version}",
            remedy="Install the version of the server.",
        )
