"""The Table Schema that the files of a profile have in common: what most files and nearly all values agree on."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.results.sql import Schema, Statement

TABLES = ("result", "types", "formats", "by_file")
"""The tables of profile that it is made from."""

_NAMES = {"float": "number", "timestamp": "datetime", "text": "string", None: "any"}
# The types whose values a type holds besides its own, the narrowest first.
_HOLDS = {
    "integer": {"integer"},
    "float": {"integer", "float"},
    "boolean": {"boolean"},
    "date": {"date"},
    "timestamp": {"date", "timestamp"},
    "time": {"time"},
}
# A type holds what so many values have, or the files of which so many have nothing else. Formats have the same share.
_VALUES_SHARE, _FILES_SHARE = 0.95, 2 / 3
_SHOWN_VALUE, _SHOWN_COLUMNS = 60, 20


@dataclass(frozen=True)
class Field:
    """A column of a profile as a field of a schema.

    Attributes:
        kind: Pravah's name of its type; ``None`` if it has no value.
        form: the format in which its values are written, if it is not the one of its type.
        exceptions: what some values are that are not of the type or not in the format.
        notes: what else a person should know before using the field.
        is_label: numbers with leading zeros, which a type for numbers would change.
    """

    name: str
    kind: str | None
    form: str | None
    is_required: bool
    exceptions: tuple[str, ...]
    notes: tuple[str, ...]
    is_label: bool

    def noted(self, note: str | None) -> Field:
        """Return the field with one more note, if there is one."""
        return self if note is None else dataclasses.replace(self, notes=(*self.notes, note))

    def described(self) -> dict[str, Any]:
        """Return the field as a Table Schema has it."""
        document: dict[str, Any] = {"name": self.name, "type": _NAMES.get(self.kind, self.kind)}
        if self.form is not None:
            document["format"] = self.form.partition(":")[2]
        if self.exceptions or self.notes:
            document["description"] = " ".join((*self.exceptions, *self.notes))
        if self.is_required:
            document["constraints"] = {"required": True}
        return document


@dataclass(frozen=True)
class CommonSchema:
    """What the files of a profile have in common.

    Attributes:
        left_out: columns that most files do not have.
        null_values: texts that mean null, if they are not the default ones.
    """

    fields: tuple[Field, ...]
    left_out: tuple[str, ...]
    null_values: tuple[str, ...] | None

    def document(self) -> dict[str, Any]:
        """Return the Table Schema."""
        document: dict[str, Any] = {}
        if self.left_out:
            more = len(self.left_out) - _SHOWN_COLUMNS
            listed = ", ".join(self.left_out[:_SHOWN_COLUMNS]) + (f" and {more} more" if more > 0 else "")
            document["description"] = f"Left out, because most files do not have them: {listed}."
        document["fields"] = [one.described() for one in self.fields]
        if self.null_values is not None:
            document["missingValues"] = ["", *self.null_values]
        return document

    def options(self) -> dict[str, list[str]]:
        """Return the options of convert that the schema asks for: what convert does not find by itself."""
        formats = [f"{one.name}={one.form}" for one in self.fields if one.form is not None]
        kinds = []
        for one in self.fields:
            if one.form is not None or not one.exceptions or one.is_label:
                continue
            # The type float would round digits; a number in this format keeps them.
            if one.kind == "float":
                formats.append(f"{one.name}=number:1234.56")
            elif one.kind is not None:
                kinds.append(f"{one.name}={one.kind}")
        found = {"column_types": kinds, "formats": formats}
        return {name: values for name, values in found.items() if values}


def statements(tables: Mapping[str, Schema]) -> dict[str, Statement]:
    """Return the questions whose answers `common` takes."""
    by_file = tables["by_file"].source
    return {
        "columns": Statement(
            'SELECT "column", nulls, missing, nature, leading_zeros, files, position '
            f"FROM {tables['result'].source} ORDER BY first_file, position"
        ),
        "types": Statement(f'SELECT "column", type, "values", path, record, value FROM {tables["types"].source}'),
        "formats": Statement(
            'SELECT "column", format, verdict, "values", exceptions, first_exception, path, record, other_format '
            f"FROM {tables['formats'].source}"
        ),
        "kinds": Statement(
            f'SELECT "column", type, count(*) FROM {by_file} WHERE type IS NOT NULL GROUP BY "column", type'
        ),
        "gaps": Statement(f'SELECT "column", count(*), min(path) FROM {by_file} WHERE nulls > 0 GROUP BY "column"'),
        "files": Statement(f"SELECT count(DISTINCT path) FROM {by_file}"),
    }


def common(rows: Mapping[str, Sequence[tuple[Any, ...]]], null_values: Sequence[str] | None = None) -> CommonSchema:
    """Return what most files have in common, from the answers to `statements`.

    Args:
        null_values: texts that mean null, if they are not the default ones.
    """
    files = int(rows["files"][0][0])
    columns = rows["columns"]
    # Half of the files and more; where the files are of several kinds, the columns that the most files have.
    needed = min(files / 2, max((row[5] for row in columns), default=0) - 0.5)
    types, formats, kinds, gaps = (_by_column(rows[name]) for name in ("types", "formats", "kinds", "gaps"))
    fields: list[Field] = []
    left_out = []
    for name, nulls, missing, nature, zeros, with_it, _ in columns:
        if with_it <= needed:
            left_out.append(f"{name} (in {with_it:,} of {files:,} files)")
            continue
        # A record that is too short is an error of its own.
        is_required = nulls <= missing
        found = _Column(types.get(name, []), formats.get(name, []), dict(kinds.get(name, [])), bool(zeros))
        field = found.field(name, nature, is_required=is_required)
        if not is_required:
            ((some, first),) = gaps[name]
            field = field.noted(_gaps(some, with_it, first))
        fields.append(field)
    return CommonSchema(tuple(fields), tuple(left_out), None if null_values is None else tuple(null_values))


def _by_column(rows: Iterable[tuple[Any, ...]]) -> dict[str, list[tuple[Any, ...]]]:
    found: dict[str, list[tuple[Any, ...]]] = {}
    for name, *rest in rows:
        found.setdefault(name, []).append(tuple(rest))
    return found


@dataclass(frozen=True)
class _Column:
    """What a profile says of a column.

    Attributes:
        types: of its values: type, values, and the file, record and value of the first.
        kinds: the number of files whose values have a type.
    """

    types: list[tuple[Any, ...]]
    formats: list[tuple[Any, ...]]
    kinds: dict[str, int]
    is_label: bool

    def field(self, name: str, nature: str | None, *, is_required: bool) -> Field:
        form, exceptions = self._form()
        kind = form.partition(":")[0].replace("number", "float") if form else self._kind()
        if form is None:
            exceptions = self._exceptions(kind)
        notes = self._ambiguous()
        if nature in {"key", "likely key"}:
            notes.append('Possible key: all values are different. To check this, add "unique": true.')
        return Field(name, kind, form, is_required, tuple(exceptions), tuple(notes), self.is_label)

    def _form(self) -> tuple[str | None, list[str]]:
        for form, verdict, values, exceptions, first, path, record, _ in self.formats:
            if verdict == "proven":
                told = [_exception(exceptions, values, "in another format", path, record, first)] if exceptions else []
                return str(form), told
        return None, []

    def _ambiguous(self) -> list[str]:
        return [
            f"The format is {form}{f' or {other}' if other else ''}; the values do not tell."
            for form, verdict, *_, other in self.formats
            if verdict != "proven"
        ]

    def _kind(self) -> str | None:
        if not self.types:
            return None
        met = {kind: count for kind, count, *_ in self.types}
        values, files = sum(met.values()), sum(self.kinds.values())
        best, most = "text", 0.0
        for kind, held in _HOLDS.items():
            of_values = sum(met.get(one, 0) for one in held) / values
            of_files = sum(self.kinds.get(one, 0) for one in held) / max(files, 1)
            holds_all = of_values == 1
            is_common = of_values >= _VALUES_SHARE or (files > 2 and of_files >= _FILES_SHARE)
            # Labels such as 007 are not numbers once other texts are among them.
            if (holds_all or (is_common and not self.is_label)) and of_values > most:
                best, most = kind, of_values
        return best

    def _exceptions(self, kind: str | None) -> list[str]:
        held = _HOLDS.get(kind or "text")
        if held is None:
            return []
        values = sum(count for _, count, *_ in self.types)
        return [
            _exception(count, values, f"of type {other}", path, record, value)
            for other, count, path, record, value in self.types
            if other not in held
        ]


def _gaps(some: int, files: int, first: str) -> str | None:
    if files < 3 or some / files > 1 - _FILES_SHARE:
        return None
    where = f"in {some:,} of {files:,} files: {'' if some == 1 else 'the first is '}{first}"
    return f'Values are missing only {where}. To make this an error, add "required": true.'


def _exception(count: int, values: int, what: str, path: str, record: int, value: str) -> str:
    shown = value if len(value) <= _SHOWN_VALUE else f"{value[:_SHOWN_VALUE]}…"
    verb = "is" if count == 1 else "are"
    place = f"{'it is' if count == 1 else 'the first is'} {json.dumps(shown, ensure_ascii=False)} in {path}"
    return f"{count:,} of {values:,} values {verb} {what}; {place}, record {record:,}."
