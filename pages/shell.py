"""The HTML that loads the dashboard: Streamlit's own, with our title, icon and address.

Streamlit's page does not know where its server is: below ``/job`` it first asks ``/job/_stcore/health``,
which fails, and only then the root. Naming the address saves that round trip and the errors in the console.
"""

from __future__ import annotations

import base64
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route
from streamlit import file_util

ICON = Path(__file__).with_name("assets") / "pravah.svg"
_STYLE = Path(__file__).with_name("assets") / "pravah.css"
_ADDRESS = '<script>window.__streamlit = {BACKEND_BASE_URL: new URL("./", location.href).href}</script>'
_NO_SCRIPT = (
    "<noscript><p>The dashboard needs JavaScript. Without it, use the command pravah or /api/docs.</p></noscript>"
)


def routes(pages: tuple[str, ...]) -> list[Route]:
    """Return a route for each page's path."""
    body = document()

    async def answer(_: Request) -> HTMLResponse:
        return HTMLResponse(body, headers={"Cache-Control": "no-cache"})

    return [Route(path, answer, methods=["GET", "HEAD"]) for path in ("/", *(f"/{name}" for name in pages))]


def document() -> str:
    """Return the HTML."""
    shell = (Path(file_util.get_static_dir()) / "index.html").read_text()
    icon = base64.b64encode(ICON.read_bytes()).decode()
    head, begin, rest = shell.partition("<noscript>")
    shell = head + _NO_SCRIPT + rest.partition("</noscript>")[2] if begin else shell
    shell = shell.replace("<title>Streamlit</title>", "<title>Pravah</title>")
    shell = shell.replace('href="./favicon.png"', f'href="data:image/svg+xml;base64,{icon}"')
    return shell.replace("</head>", f"{_ADDRESS}<style>{_STYLE.read_text()}</style></head>", 1)
