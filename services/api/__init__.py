"""The HTTP API: FastAPI over the same services as the dashboard and the command line.

- ``app``: `create_app`, to be mounted below ``/api``; ``asgi``: the same on its own
- ``bodies``: request and response models that are not the services' own; one request model per operation
- ``problems``: every error as an RFC 9457 problem; ``guard``: what is refused before any route
- ``ranges``, ``head``, ``streams``: RFC 9110 conditions, ranges, file names, HEAD, bodies in chunks
- ``metrics``: Prometheus; ``access``: how a route gets at the services
- ``docs``: a page on ``openapi.json`` that needs no network
- ``routes``: the endpoints
"""
