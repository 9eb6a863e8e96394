"""A message as a signed POST, only to addresses that the settings allow."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import re
import threading
import urllib.parse

from services.base import errors, settings
from services.models.schedules import webhook_origin
from services.notifications import calls

_PORTS = {"http": 80, "https": 443}
_RETRIED = frozenset({408, 425, 429})
_MOST_ANSWER_BYTES = 64 << 10


def check(url: str, config: settings.Settings) -> None:
    """Return when messages may go to an address.

    Raises:
        InvalidOptionsError: it is none, or the settings do not allow it; the message shows no more than its host.
    """
    parts = _split(url)
    if not config.allowed_webhooks:
        message, remedy = "webhooks are not configured", "Set PRAVAH_ALLOWED_WEBHOOKS and restart."
        raise _wrong(message, remedy)
    if not any(_is_below(parts, urllib.parse.urlsplit(prefix)) for prefix in config.allowed_webhooks):
        message = f"the webhook at {webhook_origin(url)} lies below none of PRAVAH_ALLOWED_WEBHOOKS"
        raise _wrong(message, "Choose an allowed address, or add it to the setting and restart.")
    if config.webhook_secret is None:
        raise _wrong(
            "webhooks cannot be signed without a secret", "Set PRAVAH_WEBHOOK_SECRET to a long random text and restart."
        )


def signature(secret: str, body: bytes) -> str:
    """Return the value of the header ``X-Pravah-Signature``: HMAC-SHA256 of the body in hexadecimal (RFC 2104)."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def send(url: str, body: bytes, secret: str, delivery: str, over: threading.Event) -> str:
    """Post a body and return what the server said, in words. Redirects and proxies are not followed.

    Args:
        delivery: the same for every try of a message, so that the receiver can tell a second one.
        over: set to break off.

    Raises:
        NotSentError: it was not taken.
    """
    parts = urllib.parse.urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=calls.IDLE_SECONDS)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "pravah",
        "X-Pravah-Delivery": delivery,
        "X-Pravah-Signature": signature(secret, body),
    }
    try:
        connection.connect()
        with calls.deadline(lambda: connection.sock, over):
            path = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            answer.read(_MOST_ANSWER_BYTES)
    except (OSError, http.client.HTTPException, ValueError) as error:
        # A connection that the deadline breaks off ends in any of these.
        raise calls.NotSentError(f"no response from {webhook_origin(url)} ({_reason(error)})") from None
    finally:
        connection.close()
    return _judged(answer.status, url)


def _judged(status: int, url: str) -> str:
    if 200 <= status < 300:
        return f"{webhook_origin(url)} answered {status}"
    is_final = status < 500 and status not in _RETRIED
    redirect = ", a redirect, which is not followed" if 300 <= status < 400 else ""
    raise calls.NotSentError(f"{webhook_origin(url)} answered {status}{redirect}", is_final=is_final)


def _reason(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) else None
    return text or type(error).__name__


def _split(url: str) -> urllib.parse.SplitResult:
    remedy = "Use https://host/path, without user, password and fragment."
    try:
        parts = urllib.parse.urlsplit(url)
        usable = parts.scheme in _PORTS and parts.hostname and parts.username is None and not parts.fragment
        _ = parts.port  # raises for one that is no number
    except ValueError:
        usable = None
    if not usable or not re.fullmatch(r"[\x21-\x7e]+", url) or "\\" in url:
        raise _wrong("the webhook is not an http:// or https:// address", remedy)
    if any(urllib.parse.unquote(part) in {".", ".."} for part in re.split("/|%2f", parts.path, flags=re.IGNORECASE)):
        raise _wrong("the path of the webhook must not contain . or ..", remedy)
    return parts


def _is_below(parts: urllib.parse.SplitResult, prefix: urllib.parse.SplitResult) -> bool:
    # Not a prefix of the text: https://host.example would also allow https://host.example.evil.example.
    place, allowed = [(one.scheme, one.hostname, one.port or _PORTS[one.scheme]) for one in (parts, prefix)]
    folder = prefix.path.rstrip("/")
    return place == allowed and (parts.path == folder or parts.path.startswith(f"{folder}/"))


def _wrong(message: str, remedy: str) -> errors.InvalidOptionsError:
    return errors.InvalidOptionsError(message, remedy=remedy, field="webhook_url")
