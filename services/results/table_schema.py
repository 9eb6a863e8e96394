"""The Table Schema that the files of a profile have in common: what most files and nearly all values agree on."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.results.sql import Schema, Statement

TABLES = ("result", "types", "formats", "exceptions", "by_file", "files", "schemas", "datasets")
"""The tables of profile that it is made from."""

_NAMES = {"float": "number", "timestamp": "datetime", "text": "string", None: "any"}
HOLDS = {
    "integer": {"integer"},
    "float": {"integer", "float"},
    "boolean": {"boolean"},
    "date": {"date"},
    "timestamp": {"date", "timestamp"},
    "time": {"time"},
}
"""The types whose values a type holds, the narrowest first."""

_CLOCK = r"[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?"
_PATTERNS = {
    "integer": "-?(0|[1-9][0-9]*)",
    "float": r"-?[0-9]+[.][0-9]+",
    "boolean": "true|false",
    "date": "[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "timestamp": f"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[ T]{_CLOCK}(Z|[+-][0-9]{{2}}:?[0-9]{{2}})?",
    "time": _CLOCK,
}
_LOOKS = " ".join(
    f"WHEN regexp_full_match(b.least, '{one}') AND regexp_full_match(b.greatest, '{one}') THEN '{kind}'"
    for kind, one in _PATTERNS.items()
)
_DECLARING = "f.delimiter IN ('Parquet', 'Arrow', 'Avro', 'spreadsheet', 'JSON', 'JSON Lines')"


def largest(tables: Mapping[str, Schema], rank: int = 0) -> str:
    """Return the SELECT of the dataset with the most files, or of the next ones by their rank."""
    return f"(SELECT dataset FROM {tables['datasets'].source} ORDER BY files DESC, path LIMIT 1 OFFSET {rank:d})"


def names(tables: Mapping[str, Schema]) -> Statement:
    """Return the question for the names of the datasets in the order of their ranks."""
    return Statement(f"SELECT dataset FROM {tables['datasets'].source} ORDER BY files DESC, path LIMIT {_DATASETS}")


def looks(by_file: str, files: str) -> str:
    """Return the SELECT of the columns of each file, with the type that their values look like.

    JSON has no dates, and some files declare as text what others have as numbers: such texts look like the type that
    their smallest and their largest value have.
    """
    kind = f"CASE WHEN b.type = 'text' AND {_DECLARING} THEN CASE {_LOOKS} ELSE b.type END ELSE b.type END"
    return f"SELECT b.*, {kind} AS looks FROM {by_file} b LEFT JOIN {files} f ON f.path = b.path"


# Of the files that have values, so many look like the type of a column whose values are of several types.
_FILES_SHARE = 2 / 3
# Beside such a text, numbers may be labels: whole ones beside 12A, those with decimals beside 1.2.3.
_LABELS = {"integer": re.compile(r"[^ ]*[0-9][^ ]*"), "float": re.compile(r"0[0-9].*|[0-9]+([.-][0-9]+){2,}")}
_SHOWN_VALUE, _SHOWN_COLUMNS = 60, 20
# Datasets that get a schema.
_DATASETS = 100


@dataclass(frozen=True)
class Field:
    """A column of a profile as a field of a schema.

    Attributes:
        kind: Pravah's name of its type; ``None`` if it has no value.
        usual: the type that its values have in most files; text, if they have a format that is not the one of a type.
        form: the format in which its values are written, if it is not the one of its type.
        exceptions: what some values are that are not of the type or not in the format.
        notes: what else a person should know before using the field.
        is_rarely_missing: values are missing, but in few of the files.
    """

    name: str
    kind: str | None
    usual: str | None
    form: str | None
    is_required: bool
    exceptions: tuple[str, ...]
    notes: tuple[str, ...]
    is_rarely_missing: bool = False

    def with_gaps(self, some: int, first: str, files: int) -> Field:
        """Return the field with a note, if values are missing in few of its files."""
        if files < 3 or some / files > 1 - _FILES_SHARE:
            return self
        where = f"in {some:,} of {files:,} files: {'' if some == 1 else 'the first is '}{first}"
        note = f'Values are missing only {where}. To make this an error, add "required": true.'
        return dataclasses.replace(self, notes=(*self.notes, note), is_rarely_missing=True)

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

    @property
    def omission(self) -> str:
        """The columns that are left out, in a sentence."""
        more = len(self.left_out) - _SHOWN_COLUMNS
        listed = ", ".join(self.left_out[:_SHOWN_COLUMNS]) + (f" and {more:,} more" if more > 0 else "")
        return f"Left out, because most files do not have them: {listed}."

    def document(self) -> dict[str, Any]:
        """Return the Table Schema."""
        document: dict[str, Any] = {}
        if self.left_out:
            document["description"] = self.omission
        document["fields"] = [one.described() for one in self.fields]
        if self.null_values is not None:
            document["missingValues"] = ["", *self.null_values]
        return document


def document(schemas: Mapping[str, CommonSchema]) -> dict[str, Any]:
    """Return the Table Schema of the only dataset, or a Data Package with one for each of several."""
    found = {name: schema for name, schema in schemas.items() if schema.fields}
    if len(found) == 1:
        return next(iter(found.values())).document()
    if not found:
        return {"fields": []}
    return {"resources": [{"name": name, "schema": schema.document()} for name, schema in found.items()]}


def statements(tables: Mapping[str, Schema], rank: int = 0) -> dict[str, Statement]:
    """Return the questions whose answers `common` takes: about a dataset, by its rank."""
    dataset = largest(tables, rank)
    result, types, formats, exceptions = (
        f"(SELECT * FROM {tables[name].source} WHERE dataset = {dataset})"
        for name in ("result", "types", "formats", "exceptions")
    )
    by_file = (
        f"(SELECT c.* FROM {tables['by_file'].source} c JOIN {tables['files'].source} f USING (path) "
        f"JOIN {tables['schemas'].source} s USING (schema) WHERE s.dataset = {dataset})"
    )
    return {
        "columns": Statement(
            'SELECT "column", type, nulls, missing, nature, leading_zeros, files, position '
            f"FROM {result} ORDER BY first_file, position"
        ),
        "types": Statement(
            f'SELECT "column", type, path, record, value FROM {types} '
            f'UNION ALL SELECT "column", NULL, path, record, value FROM {exceptions}'
        ),
        "formats": Statement(
            'SELECT "column", format, verdict, "values", exceptions, first_exception, path, record, other_format '
            f"FROM {formats}"
        ),
        "kinds": Statement(
            'SELECT "column", looks, count(*), min(path), count(*) FILTER (exceptions > 0), '
            f"min(path) FILTER (exceptions > 0) FROM ({looks(by_file, tables['files'].source)}) "
            'WHERE "values" > 0 GROUP BY "column", looks'
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
    needed = min(files / 2, max((row[6] for row in columns), default=0) - 0.5)
    types, formats, kinds, gaps = (_by_column(rows[name]) for name in ("types", "formats", "kinds", "gaps"))
    fields: list[Field] = []
    left_out = []
    for name, kind, nulls, missing, nature, zeros, with_it, _ in columns:
        if with_it <= needed:
            left_out.append(f"{name} (in {with_it:,} of {files:,} files)")
            continue
        # A record that is too short is an error of its own.
        is_required = nulls <= missing
        found = _Column(kind, types.get(name, []), formats.get(name, []), kinds.get(name, []), bool(zeros))
        field = found.field(name, nature, is_required=is_required)
        if not is_required:
            ((some, first),) = gaps[name]
            field = field.with_gaps(some, first, with_it)
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
        type: of nearly all its values.
        types: of its values: type, and the file, record and value of the first; without a type: an exception.
        kinds: what the values of files look like: type, number of files, and the first of them; the same of those
            with exceptions.
    """

    type: str | None
    types: list[tuple[Any, ...]]
    formats: list[tuple[Any, ...]]
    kinds: list[tuple[Any, ...]]
    is_label: bool

    def field(self, name: str, nature: str | None, *, is_required: bool) -> Field:
        form, exceptions = self._form()
        usual = self._kind()
        kind = form.partition(":")[0].replace("number", "float") if form else usual
        if form is None:
            exceptions = self._exceptions(kind)
        notes = self._ambiguous()
        if nature in {"key", "likely key"}:
            notes.append('Possible key: all values are different. To check this, add "unique": true.')
        return Field(name, kind, usual, form, is_required, tuple(exceptions), tuple(notes))

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
        if self.type != "text":
            return self.type
        files = sum(count for _, count, *_ in self.kinds)
        best, most = "text", 0
        for kind, held in HOLDS.items():
            fitting = sum(count for one, count, *_ in self.kinds if one in held)
            if files > 2 and fitting / files >= _FILES_SHARE and fitting > most and not self._has_labels(kind, held):
                best, most = kind, fitting
        return best

    def _has_labels(self, kind: str, held: set[str]) -> bool:
        if kind not in _LABELS:
            return False
        label = _LABELS["float" if any(one == "float" for one, *_ in self.kinds) else "integer"]
        return self.is_label or any(one not in held and label.fullmatch(value) for one, *_, value in self.types)

    def _exceptions(self, kind: str | None) -> list[str]:
        held = HOLDS.get(kind or "text")
        if held is None:
            return []
        odd = [
            (count, first) if one not in held else (some, first_some)
            for one, count, first, some, first_some in self.kinds
            if one not in held or some
        ]
        if not odd:
            return []
        files = sum(count for _, count, *_ in self.kinds)
        some, first = sum(count for count, _ in odd), min(path for _, path in odd)
        told = min((row[2:] for row in self.types if row[0] not in held and row[1] == first), default=None)
        value = "" if told is None else f", such as {_shown(told[1])} in record {told[0]:,}"
        where = f"{'' if some == 1 else 'the first is '}{first}{value}"
        return [f"{some:,} of {files:,} files {'has' if some == 1 else 'have'} other values: {where}."]


def _shown(value: str) -> str:
    return json.dumps(value if len(value) <= _SHOWN_VALUE else f"{value[:_SHOWN_VALUE]}…", ensure_ascii=False)


def _exception(count: int, values: int, what: str, path: str, record: int, value: str) -> str:
    verb = "is" if count == 1 else "are"
    place = f"{'it is' if count == 1 else 'the first is'} {_shown(value)} in {path}"
    return f"{count:,} of {values:,} values {verb} {what}; {place}, record {record:,}."
