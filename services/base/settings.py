"""Settings: one frozen model, read from ``PRAVAH_*``; ``docs/settings.md`` is generated from it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
import pydantic_settings
from pydantic import Field, SecretStr

from services.base import addresses, errors, paths, units


def _default_data_dir() -> Path:
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "pravah"


def _read_size(value: Any) -> Any:
    return units.parse_bytes(value) if isinstance(value, str) else value


Size = Annotated[int, pydantic.BeforeValidator(_read_size)]
"""A number of bytes, or a text such as ``512 MiB``."""


class Settings(pydantic_settings.BaseSettings):
    """Every setting with its default, unit and meaning."""

    model_config = pydantic_settings.SettingsConfigDict(
        env_prefix="PRAVAH_", env_ignore_empty=True, frozen=True, extra="ignore"
    )

    data_dir: Path = Field(
        default_factory=_default_data_dir,
        description="Directory for all data of Pravah: embedded PostgreSQL, results, work folders, sample.",
    )
    database_url: SecretStr | None = Field(
        default=None,
        description="PostgreSQL server, `postgresql://user:password@host/name`; unset = embedded PostgreSQL.",
    )
    storage: str = Field(
        default="local",
        pattern=r"^(local|s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?)$",
        description="Where results are stored: `local`, or `s3://bucket/prefix`. Credentials come from the AWS "
        "default chain.",
    )
    s3_endpoint_url: str | None = Field(default=None, description="Endpoint of an S3 server other than AWS.")
    allowed_roots: Annotated[tuple[Path, ...], pydantic_settings.NoDecode] = Field(
        default=(),
        description="Directories that jobs may read, separated by `:`; unset = home directory, current directory "
        "(unless it is `/`) and sample.",
    )
    allowed_destinations: Annotated[tuple[Path, ...], pydantic_settings.NoDecode] = Field(
        default=(),
        description="Directories that may contain destinations, separated by `:`; unset = the allowed roots. Existing "
        "files are never overwritten.",
    )
    allowed_s3_prefixes: Annotated[tuple[str, ...], pydantic_settings.NoDecode] = Field(
        default=(),
        description="S3 prefixes that jobs may read, separated by `,`, each `s3://bucket` or `s3://bucket/prefix`; "
        "unset = all that the credentials allow.",
    )
    host: str = Field(
        default="127.0.0.1",
        description="Address to listen on, or `unix:/path` for a socket that only this user can open. For an address "
        "that other machines reach, set PRAVAH_PUBLIC_URL, too.",
    )
    port: int = Field(default=8501, ge=0, le=65535, description="Port to listen on.")
    public_url: str | None = Field(
        default=None,
        description="Address that browsers use, if a proxy or another name is in front: `https://host/` or "
        "`https://host/path/`. Requests for other names are refused.",
    )
    insecure: bool = Field(
        default=False,
        description="`1` = no login: everybody who reaches the address can use Pravah. Every page shows a warning.",
    )
    session_days: float = Field(
        default=30, gt=0, le=3650, description="Days after which a browser has to log in again."
    )
    session_idle_hours: float = Field(
        default=24, gt=0, le=87_600, description="Hours without use after which a browser has to log in again."
    )
    request_seconds: float = Field(
        default=30,
        gt=0,
        le=3600,
        description="Seconds in which a request must arrive completely; after that its connection is closed.",
    )
    requests_per_second: float | None = Field(
        default=200,
        gt=0,
        description="Maximum number of requests per second of a session or a token, and of an address without one; "
        "ten times as many at once.",
    )
    queued_jobs_limit: int = Field(
        default=10_000, ge=1, description="Maximum number of jobs in the queue; more are refused."
    )
    concurrency_limit: int = Field(
        default=2,
        ge=1,
        le=64,
        description="Maximum number of jobs that run at the same time; other jobs wait in the queue.",
    )
    engine_threads: int | None = Field(
        default=None, ge=1, le=1024, description="Threads for each job; unset = one per core, 32 for S3."
    )
    job_memory_bytes: Size | None = Field(
        default=None,
        ge=256 << 20,
        description="Memory (bytes, at least 256 MiB) for a job that runs alone, because two workers crashed while "
        "they ran it; unset = half of the memory of this machine or container.",
    )
    executor: Literal["local", "ray"] = Field(
        default="local",
        description="Who processes the splits of shared jobs: `local` = the workers; `ray` = tasks on a Ray cluster "
        "with PRAVAH_ENGINE_THREADS CPUs each, default 1 (`pip install 'pravah[ray]'`).",
    )
    ray_address: str | None = Field(
        default=None,
        description="Address of the Ray cluster; unset = `RAY_ADDRESS`, or a new cluster on this machine. Nodes on "
        "other machines need access to the sources, PRAVAH_DATABASE_URL and PRAVAH_STORAGE.",
    )
    split_bytes: Size = Field(
        default=64 << 20,
        ge=1,
        description="Size (bytes) of the smallest splits, at the end of a shared job. The first splits are larger, up "
        "to an eighth of the job for each worker.",
    )
    split_files: int = Field(
        default=8192,
        ge=1,
        description="Number of files in the smallest splits, if that is reached before PRAVAH_SPLIT_BYTES.",
    )
    lease_seconds: float = Field(
        default=10, gt=1, le=3600, description="Seconds without a heartbeat after which a worker is considered dead."
    )
    heartbeat_seconds: float = Field(
        default=2, gt=0.1, le=600, description="Seconds between two heartbeats; at most half of PRAVAH_LEASE_SECONDS."
    )
    shard_rows: int = Field(default=1_000_000, ge=1, description="Maximum number of rows in a shard of a result.")
    shard_bytes: Size = Field(default=128 << 20, ge=1 << 10, description="Maximum size (bytes) of a shard of a result.")
    min_free_disk_bytes: Size = Field(
        default=256 << 20,
        ge=0,
        description="Minimum free space (bytes) in the data directory. Below it, no job starts and running jobs are "
        "stopped.",
    )
    keep_days: float | None = Field(
        default=None,
        gt=0,
        le=36_500,
        description="Finished jobs older than this number of days are deleted; unset = never.",
    )
    keep_jobs: int | None = Field(
        default=None,
        ge=1,
        description="Maximum number of finished jobs; older ones are deleted. Pinned jobs and jobs needed by others "
        "do not count. Unset = no limit.",
    )
    keep_bytes: Size | None = Field(
        default=None,
        ge=1,
        description="Maximum size (bytes) of all results; above it, the oldest jobs are deleted. The newest job "
        "always stays. Unset = no limit.",
    )
    sweep_seconds: float = Field(
        default=3600,
        ge=1,
        le=2_592_000,
        description="Seconds between two sweeps, which delete jobs beyond the limits above and orphaned files.",
    )
    orphan_grace_seconds: float = Field(
        default=3600,
        ge=0,
        description="Orphaned files are deleted when they have not changed for this number of seconds, at least "
        "PRAVAH_LEASE_SECONDS.",
    )
    result_cache_bytes: Size = Field(
        default=10 << 30, ge=0, description="Maximum size (bytes) of local copies of results that are stored in S3."
    )
    query_memory_bytes: Size = Field(
        default=1 << 30,
        ge=64 << 20,
        description="Memory (bytes, at least 64 MiB) for sorting and filtering results; larger queries use the disk.",
    )
    page_rows_limit: int = Field(
        default=1_000, ge=1, le=100_000, description="Maximum number of rows in one page of a result."
    )
    webhook_secret: SecretStr | None = Field(
        default=None,
        description="Key to sign webhooks: the header `X-Pravah-Signature` contains the HMAC-SHA256 of the body; "
        "unset = no webhooks.",
    )
    allowed_webhooks: Annotated[tuple[str, ...], pydantic_settings.NoDecode] = Field(
        default=(),
        description="Allowed prefixes of webhook addresses, separated by `,`, each `https://host` or "
        "`https://host/path`; unset = none.",
    )
    smtp_url: SecretStr | None = Field(
        default=None,
        description="Mail server, `smtp://user:password@host:port` (with STARTTLS if available) or `smtps://…`; unset "
        "= no e-mail.",
    )
    mail_from: str | None = Field(
        default=None, pattern=r"^[^@\s<>,;:\"]+@[^@\s<>,;:\"]+$", description="Sender address of e-mails."
    )
    log_level: str = Field(
        default="WARNING", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="Minimum severity of log messages."
    )

    @pydantic.field_validator("allowed_s3_prefixes", mode="before")
    @classmethod
    def _split_prefixes(cls, value: Any) -> Any:
        parts = [part.strip() for part in value.split(",")] if isinstance(value, str) else list(value)
        wrong = [part for part in parts if part and not part.startswith("s3://")]
        if wrong:
            raise ValueError(f"{wrong[0]!r} is not an s3:// prefix")
        return tuple(part for part in parts if part)

    @pydantic.field_validator("allowed_webhooks", mode="before")
    @classmethod
    def _split_webhooks(cls, value: Any) -> Any:
        parts = [part.strip() for part in value.split(",")] if isinstance(value, str) else list(value)
        wrong = [part for part in parts if part and not re.fullmatch(r"https?://[^/@\s?#]+(/[^\s?#]*)?", part)]
        if wrong:
            raise ValueError("each address must be https://host or https://host/path, without user, query and fragment")
        return tuple(part for part in parts if part)

    @pydantic.field_validator("smtp_url", mode="after")
    @classmethod
    def _is_a_mail_server(cls, value: SecretStr | None) -> SecretStr | None:
        given = None if value is None else value.get_secret_value()
        if given is not None and not re.fullmatch(
            r"smtps?://([^/@\s]+@)?([^/@:\s\[\]]+|\[[^\]\s]+\])(:\d{1,5})?/?", given
        ):
            raise ValueError("must be smtp://user:password@host:port or smtps://…; %-encode special characters")
        return value

    @pydantic.field_validator("allowed_roots", "allowed_destinations", mode="before")
    @classmethod
    def _split_roots(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(Path(part).expanduser() for part in value.split(os.pathsep) if part)
        return value

    @pydantic.field_validator("data_dir", mode="after")
    @classmethod
    def _absolute_data_dir(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @pydantic.field_validator("heartbeat_seconds", mode="after")
    @classmethod
    def _several_beats_in_a_lease(cls, value: float, info: pydantic.ValidationInfo) -> float:
        if value > info.data.get("lease_seconds", value * 2) / 2:
            raise ValueError("must be at most half of PRAVAH_LEASE_SECONDS")
        return value

    @pydantic.field_validator("host", mode="after")
    @classmethod
    def _is_an_absolute_socket(cls, value: str) -> str:
        if value.startswith(addresses.UNIX) and not value.startswith(f"{addresses.UNIX}/"):
            raise ValueError("the path of a unix socket must be absolute: unix:/path")
        return value

    @pydantic.field_validator("public_url", mode="after")
    @classmethod
    def _is_a_public_url(cls, value: str | None) -> str | None:
        return None if value is None else addresses.checked_url(value)

    @pydantic.field_validator("s3_endpoint_url", mode="after")
    @classmethod
    def _is_an_endpoint(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"https?://[^/@\s]+/?", value):
            raise ValueError("must be http://host:port or https://host, without credentials")
        return value

    @property
    def sample_dir(self) -> Path:
        """The directory with something to click on."""
        return self.data_dir / "sample"

    @property
    def work_dir(self) -> Path:
        """Where running jobs write."""
        return self.data_dir / "work"

    @property
    def manifest_dir(self) -> Path:
        """Where manifests that came from a pipe are stored, so that any worker finds them."""
        return self.data_dir / "manifests"

    @property
    def roots(self) -> tuple[Path, ...]:
        """The allowed roots in force."""
        if self.allowed_roots:
            return self.allowed_roots
        # A service is often started in `/`: that must not open the whole machine unasked.
        current = [path for path in (Path.home(), Path.cwd()) if path != Path("/")]
        return (*current, self.sample_dir)


def load_settings(**overrides: Any) -> Settings:
    """Read the settings from the environment; `overrides` win.

    Raises:
        InvalidOptionsError: a variable is not acceptable; it is named.
    """
    try:
        return Settings(**overrides)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        variable = f"PRAVAH_{'_'.join(str(part) for part in first['loc']).upper()}"
        raise errors.InvalidOptionsError(
            f"{variable}: {first['msg'].removeprefix('Value error, ')}",
            remedy="Correct the variable. docs/settings.md describes all settings.",
        ) from None


def environment(settings: Settings) -> dict[str, str]:
    """Return the variables that give a child process the same settings; an empty one is as good as none."""
    return {f"PRAVAH_{name.upper()}": _as_variable(name, value) for name, value in settings}


def _as_variable(name: str, value: Any) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, tuple):
        return ("," if name in {"allowed_s3_prefixes", "allowed_webhooks"} else os.pathsep).join(map(str, value))
    return "" if value is None else str(value)


def effective(settings: Settings) -> dict[str, Any]:
    """Return the settings in force as JSON values; secrets are masked, bytes of paths that are not text escaped."""
    named_here = {"data_dir", "allowed_roots", "allowed_destinations"}
    values: dict[str, Any] = settings.model_dump(mode="json", exclude=named_here)
    values["data_dir"] = paths.escape_os(settings.data_dir)
    values["allowed_roots"] = [paths.escape_os(root) for root in settings.roots]
    values["allowed_destinations"] = [paths.escape_os(root) for root in settings.allowed_destinations or settings.roots]
    for name in ("database_url", "smtp_url"):
        secret = getattr(settings, name)
        values[name] = None if secret is None else mask_url(secret.get_secret_value())
    return {name: values[name] for name in type(settings).model_fields}


def mask_url(url: str) -> str:
    """Return the URL of a database or a mail server without its password."""
    scheme, separator, rest = url.partition("://")
    credentials, at, host = rest.rpartition("@")
    user = credentials.partition(":")[0]
    return f"{scheme}{separator}{user + ':***' if at else ''}{at}{host.partition('?')[0]}"


def document() -> str:
    """Return ``docs/settings.md``."""
    lines = [
        "# Settings",
        "",
        "Generated from `services/base/settings.py` by `make docs`. Every setting is an environment variable. "
        "A size is a number of bytes or has a unit: `512 MiB`, `1.5G`; units are binary.",
        "",
        "| variable | default | meaning |",
        "|---|---|---|",
    ]
    for name, field in Settings.model_fields.items():
        default = "`~/.local/share/pravah`" if name == "data_dir" else f"`{field.default}`"
        if field.default is None or field.default == ():
            default = "unset"
        lines.append(f"| `PRAVAH_{name.upper()}` | {default} | {field.description} |")
    lines += [
        "",
        "Two variables are for the command line. With them, `pravah run`, `submit` and `jobs` talk to a server.",
        "",
        "| variable | meaning |",
        "|---|---|",
        "| `PRAVAH_URL` | Address of the server, as the browser uses it: `https://host/` or `https://host/path/`. |",
        "| `PRAVAH_TOKEN` | A token of `pravah tokens add`. |",
    ]
    return "\n".join(lines) + "\n"
