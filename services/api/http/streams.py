"""Bodies that come in chunks from a file, a bucket or a query."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

AS_IT_IS = {"Content-Encoding": "identity"}
"""For downloads: Streamlit's server compresses whatever does not say how it is encoded. It would lose its length, its
strong ETag would name other bytes than a later range is cut from, and level 9 is slower than a disk."""


class Stream(StreamingResponse):
    """A streamed body whose source is closed when the client leaves, not when the garbage is collected."""

    def __init__(
        self, chunks: Iterator[bytes], status_code: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        """Keep the chunks; none is taken before the response is sent."""
        super().__init__(chunks, status_code, headers)
        self._close = getattr(chunks, "close", None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the body, or as much of it as the client takes."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            if self._close is not None:
                self._close()
