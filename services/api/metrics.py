"""Prometheus: requests of this process, jobs of the database; each application has a registry of its own."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator

import prometheus_client
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services import bootstrap
from services.base import errors
from services.models.jobs import Status

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# From a row read from memory to an export that streams for a minute.
_BUCKETS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """The numbers of one application."""

    def __init__(self, services: Callable[[], bootstrap.Services]) -> None:
        """Keep how to get at the services; nothing is opened."""
        self._registry = prometheus_client.CollectorRegistry()
        labels = ("method", "route", "status")
        self._requests = prometheus_client.Counter(
            "pravah_http_requests", "Number of requests.", labels, registry=self._registry
        )
        self._seconds = prometheus_client.Histogram(
            "pravah_http_request_duration_seconds",
            "Seconds from the request to the end of the response.",
            labels,
            buckets=_BUCKETS_SECONDS,
            registry=self._registry,
        )
        prometheus_client.ProcessCollector(registry=self._registry)
        self._registry.register(_Jobs(services))
        self._registry.register(_Worker(services))

    def observe(self, method: str, route: object, status: int, seconds: float) -> None:
        """Count one request.

        Args:
            route: the router's object; its template is the label, so that ids make no new series.
        """
        template = getattr(route, "path_format", None) or "none"
        values = (method if method in _METHODS else "other", template, str(status))
        self._requests.labels(*values).inc()
        self._seconds.labels(*values).observe(seconds)

    def render(self) -> tuple[bytes, str]:
        """Return the text and its media type."""
        return prometheus_client.generate_latest(self._registry), prometheus_client.CONTENT_TYPE_LATEST


class _OfServices(Collector):
    """Looks at the services when it is asked."""

    def __init__(self, services: Callable[[], bootstrap.Services]) -> None:
        self._services = services

    def describe(self) -> list[Metric]:
        return []  # registering must not open the database


class _Jobs(_OfServices):
    """Reads the database when it is asked; a database that does not answer is a metric, not an error."""

    def collect(self) -> Iterator[Metric]:
        build = GaugeMetricFamily(
            "pravah_build_info", "Always 1; the labels contain the versions.", labels=["version", "python"]
        )
        build.add_metric([bootstrap.version(), platform.python_version()], 1)
        yield build
        is_up = GaugeMetricFamily("pravah_database_up", "1 if PostgreSQL responds.")
        try:
            jobs = self._services().jobs
            counts, totals = jobs.counts(), jobs.totals()
        except errors.PravahError:
            is_up.add_metric([], 0)
            yield is_up
            return
        is_up.add_metric([], 1)
        yield is_up
        states = GaugeMetricFamily("pravah_jobs", "Jobs by status.", labels=["status"])
        for status in Status:
            states.add_metric([status.value], counts[status])
        yield states
        yield GaugeMetricFamily("pravah_queue_length", "Jobs that wait for a worker.", value=counts[Status.PENDING])
        files = GaugeMetricFamily("pravah_processed_files", "Files processed by all stored jobs.", labels=["operation"])
        size = GaugeMetricFamily("pravah_processed_bytes", "Bytes processed by all stored jobs.", labels=["operation"])
        for operation, (files_done, bytes_done) in totals.items():
            files.add_metric([operation], files_done)
            size.add_metric([operation], bytes_done)
        yield files
        yield size


class _Worker(_OfServices):
    """The worker process of this server, if it has one."""

    def collect(self) -> Iterator[Metric]:
        try:
            supervisor = self._services().background.supervisor
        except errors.PravahError:
            return
        if supervisor is not None:
            is_up = supervisor.state.pid is not None and not supervisor.state.is_silent
            yield GaugeMetricFamily("pravah_worker_up", "1 if the worker of this server runs.", value=int(is_up))
            yield CounterMetricFamily(
                "pravah_worker_restarts",
                "Number of times that the worker of this server ended and was restarted.",
                value=supervisor.state.restarts,
            )


class Measured:
    """ASGI middleware: counts and times every request, refused ones too."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        """Wrap `app`."""
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the wrapped application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500
        mount = scope.get("route")  # of the application around this one
        started = time.perf_counter()

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            route = scope.get("route")
            seconds = time.perf_counter() - started
            self._metrics.observe(scope["method"], None if route is mount else route, status, seconds)
