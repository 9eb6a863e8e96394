"""A message as an e-mail over the server of the settings."""

from __future__ import annotations

import email.utils
import re
import smtplib
import ssl
import threading
import urllib.parse
from email.message import EmailMessage

from services.base import errors, settings
from services.notifications import calls

_PORTS = {"smtp": 25, "smtps": 465}
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_LONGEST_SUBJECT = 200


def check(address: str, config: settings.Settings) -> None:
    """Return when messages can go to an address.

    Raises:
        InvalidOptionsError: it is none, or the settings name no mail server or no sender.
    """
    if not re.fullmatch(r"[\x21-\x7e]+", address) or not re.fullmatch(r"[^@<>,;:\"\\]+@[^@<>,;:\"\\]+", address):
        message, remedy = "the e-mail address is invalid", "Use one address, such as name@host.example."
    elif config.smtp_url is None or config.mail_from is None:
        message, remedy = "sending e-mail is not configured", "Set PRAVAH_SMTP_URL and PRAVAH_MAIL_FROM and restart."
    else:
        return
    raise errors.InvalidOptionsError(message, remedy=remedy, field="email")


def send(address: str, subject: str, text: str, config: settings.Settings, delivery: str, over: threading.Event) -> str:
    """Send a text and return in words who took it.

    Args:
        delivery: the same for every try of a message: a part of its Message-ID.
        over: set to break off.

    Raises:
        NotSentError: it was not taken.
    """
    assert config.smtp_url is not None
    message = EmailMessage()
    # A name may hold any character; a header holds one line.
    message["Subject"] = re.sub(r"[^\S ]|[^\w\s!-~]", "?", subject)[:_LONGEST_SUBJECT]
    message["From"], message["To"] = config.mail_from, address
    message["Date"] = email.utils.localtime()
    message["Message-ID"] = f"<{delivery}@pravah.invalid>"
    message.set_content(text.encode("utf-8", "backslashreplace").decode())
    parts = urllib.parse.urlsplit(config.smtp_url.get_secret_value())
    shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    try:
        _deliver(message, parts, over)
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused, smtplib.SMTPResponseException) as error:
        code = _code(error)
        # 5xx is for good (RFC 5321 §4.2.1). The server's own words are left out: they may repeat what it was told.
        raise calls.NotSentError(f"{shown} rejected the e-mail with {code}", is_final=code >= 500) from None
    except (OSError, smtplib.SMTPException, ValueError) as error:
        reason = str(error) if isinstance(error, smtplib.SMTPNotSupportedError) else type(error).__name__
        raise calls.NotSentError(f"no response from {shown} ({reason})") from None
    return f"{shown} accepted the e-mail"


def _deliver(message: EmailMessage, parts: urllib.parse.SplitResult, over: threading.Event) -> None:
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    context = ssl.create_default_context()
    if parts.scheme == "smtps":
        server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=calls.IDLE_SECONDS, context=context)
    else:
        server = smtplib.SMTP(host, port, timeout=calls.IDLE_SECONDS)
    try:
        with calls.deadline(lambda: server.sock, over):
            server.ehlo()
            if parts.scheme == "smtp" and server.has_extn("starttls"):
                server.starttls(context=context)
                server.ehlo()
            elif parts.scheme == "smtp" and parts.username and host not in _LOOPBACK:
                raise smtplib.SMTPNotSupportedError(
                    "the server does not offer STARTTLS; the password is not sent unencrypted"
                )
            if parts.username:
                server.login(urllib.parse.unquote(parts.username), urllib.parse.unquote(parts.password or ""))
            server.send_message(message)
            server.quit()
    finally:
        server.close()


def _code(error: smtplib.SMTPException) -> int:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return next(code for code, _ in error.recipients.values())
    assert isinstance(error, smtplib.SMTPResponseException)
    return error.smtp_code
