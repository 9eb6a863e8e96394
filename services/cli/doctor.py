"""``pravah doctor``: check every part of the installation."""

from __future__ import annotations

from services.base import errors
from services.cli import arguments, output, session

_UNWELL = 5


def doctor(json: arguments.Json = False) -> int:
    """Check every part of the installation; exit 5 if something is wrong."""
    try:
        config = session.load_settings()
    except errors.InvalidOptionsError as error:
        config = None
        lines = [("settings", False, error.message, error.remedy)]
    if config is not None:
        from services import health

        with session.waiting("Checking …"):
            lines = [(one.part, one.ok, one.detail, one.remedy) for one in health.diagnose(config)]
    well = all(ok for _, ok, _, _ in lines)
    if json:
        names = ("part", "ok", "detail", "remedy")
        output.data({"ok": well, "parts": [dict(zip(names, line, strict=True)) for line in lines]})
    else:
        _show(lines)
    return 0 if well else _UNWELL


def _show(lines: list[tuple[str, bool, str, str]]) -> None:
    wide = max(len(part) for part, _, _, _ in lines)
    for part, ok, detail, remedy in lines:
        output.styled(output.plain(f"{'ok   ' if ok else 'WRONG'}  {part:<{wide}}  {detail}"), "" if ok else "bold red")
        if not ok and remedy:
            output.line(output.plain(f"       {'':<{wide}}  {remedy}"))
