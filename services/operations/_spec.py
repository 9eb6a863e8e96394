"""The vocabulary of a declaration. Pure: pydantic and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal, get_args

import pydantic

Category = Literal["basic", "advanced"]
Dtype = Literal["text", "binary", "integer", "unsigned", "number", "timestamp"]
NUMERIC = frozenset({"integer", "unsigned", "number"})


def _storable(value: str) -> str:
    if "\0" in value:
        raise ValueError("the text must not contain a NUL character")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("the text must not contain a lone surrogate") from None
    return value


Text = Annotated[
    str,
    pydantic.AfterValidator(_storable),
    pydantic.Field(json_schema_extra={"pattern": r"^[^\u0000]*$"}),
]
"""A text that is valid in PostgreSQL, JSON and file names."""


class Options(pydantic.BaseModel):
    """Base of an operation's options: frozen, unknown fields refused."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    @pydantic.field_validator("*", mode="before")
    @classmethod
    def _truth_is_no_number(cls, value: Any, info: pydantic.ValidationInfo) -> Any:
        # Python takes true for 1.
        if isinstance(value, bool) and info.field_name is not None:
            annotation = cls.model_fields[info.field_name].annotation
            if {int, float} & {annotation, *get_args(annotation)}:
                raise ValueError("the value must be a number, not true or false")
        return value


class Record(pydantic.BaseModel):
    """Base of the declaration's own parts."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class Column(Record):
    """A column of a result table.

    Attributes:
        unit: of the values; ``None`` for names and texts.
        optional: present only when an option asks for it.
    """

    name: str
    dtype: Dtype
    meaning: str
    unit: str | None = None
    optional: bool = False


class Table(Record):
    """A result table; the first one of an operation is its main table, ``result``.

    Attributes:
        optional: present only when an option asks for it.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    optional: bool = False


class Figure(Record):
    """A figure of the outcome's summary, shown by the dashboard and the command line.

    Attributes:
        key: in the summary; a dot leads into a nested object.
        unit: ``bytes``, ``bytes/s``, ``seconds``, ``%``, ``files`` or ``directories``; ``None`` for words.
        optional: present only when an option asks for it.
    """

    key: str
    title: str
    unit: str | None = None
    optional: bool = False


class Example(Record):
    """Input, options and what the summary then says; executed by the tests.

    Attributes:
        files: relative path → content; made below an empty directory.
        options: the operation's options; ``{source}`` in a text, also one of a list, stands for that directory.
        expect: keys of the outcome's summary → value.
    """

    title: str
    files: Mapping[str, bytes]
    options: Mapping[str, Any] = {}
    expect: Mapping[str, Any]

    def options_in(self, source: str) -> dict[str, Any]:
        """Return the options for a directory."""
        return {name: _filled(value, source) for name, value in self.options.items()}


def _filled(value: Any, source: str) -> Any:
    if isinstance(value, list):
        return [_filled(one, source) for one in value]
    return value.replace("{source}", source) if isinstance(value, str) else value


class Operation(Record):
    """One operation. The form, API, command line and docs are generated from it.

    Attributes:
        name: snake_case noun, the same in every layer.
        icon: a Material symbol name.
        figures: of the summary, in the order people read them.
        cost: time and memory in files and bytes.
        baseline_tables: tables whose rows a later attempt reuses for unchanged files; empty: it starts again.
        again: a re-run reuses them too.
        splits: its rows of a file depend on no other file, so that workers can share a job.
    """

    name: str
    title: str
    summary: str
    icon: str
    options: type[Options]
    tables: tuple[Table, ...]
    figures: tuple[Figure, ...]
    cost: str
    examples: tuple[Example, ...]
    baseline_tables: tuple[str, ...] = ()
    again: bool = True
    splits: bool = False

    @property
    def resumes(self) -> bool:
        """True if a new attempt resumes from the shards of earlier attempts."""
        return bool(self.baseline_tables)

    @property
    def reuses(self) -> bool:
        """True if a re-run reuses the rows of unchanged files."""
        return self.resumes and self.again


_HINTS = ("unit", "widget", "placeholder", "suggestions", "result_of", "result_as")


def field(default: Any = ..., *, title: str, description: str, category: Category = "basic", **more: Any) -> Any:
    """Return a pydantic field with what a form needs.

    Args:
        more: bounds as pydantic takes them, and hints:
            ``unit`` of a number;
            ``widget`` where the type does not tell: ``path`` (something to read), ``destination`` (a directory to
            write), ``globs``, ``verbatim`` (texts with commas in them, or with spaces that count), ``document`` (a
            text of many lines);
            ``suggestions``, values to choose from besides those that are typed;
            ``placeholder``, what stands where nothing is typed: by default that there is no limit, or nothing;
            ``result_of``, an operation whose earlier jobs may be named here as ``job:<id>``;
            ``result_as``, what of such a job is meant: by default its main table; ``schema``: the Table Schema of a
            profile.
    """
    extra = {"category": category, **{hint: more.pop(hint) for hint in _HINTS if hint in more}}
    if isinstance(default, (list, tuple)):
        values = list(default)
        more["default_factory"] = lambda: list(values)
    else:
        more["default"] = default
    return pydantic.Field(title=title, description=description, json_schema_extra=extra, **more)


ENCODING_NAMES = (
    "latin1 is ISO 8859-1; all other names are those of the WHATWG standard, such as shift_jis, gb18030, koi8-r or "
    "windows-1250."
)
"""For descriptions of options that take an `Encoding`."""


class Encoding(StrEnum):
    """The encoding of files without a byte order mark: ``auto``, ``latin1`` or a name of the WHATWG Encoding Standard.

    ``latin1`` is ISO 8859-1, each byte the character of that number; the standard does not have it.
    """

    AUTO = "auto"
    LATIN1 = "latin1"
    UTF_8 = "utf-8"
    UTF_16LE = "utf-16le"
    UTF_16BE = "utf-16be"
    IBM866 = "ibm866"
    ISO_8859_2 = "iso-8859-2"
    ISO_8859_3 = "iso-8859-3"
    ISO_8859_4 = "iso-8859-4"
    ISO_8859_5 = "iso-8859-5"
    ISO_8859_6 = "iso-8859-6"
    ISO_8859_7 = "iso-8859-7"
    ISO_8859_8 = "iso-8859-8"
    ISO_8859_8_I = "iso-8859-8-i"
    ISO_8859_10 = "iso-8859-10"
    ISO_8859_13 = "iso-8859-13"
    ISO_8859_14 = "iso-8859-14"
    ISO_8859_15 = "iso-8859-15"
    ISO_8859_16 = "iso-8859-16"
    KOI8_R = "koi8-r"
    KOI8_U = "koi8-u"
    MACINTOSH = "macintosh"
    X_MAC_CYRILLIC = "x-mac-cyrillic"
    WINDOWS_874 = "windows-874"
    WINDOWS_1250 = "windows-1250"
    WINDOWS_1251 = "windows-1251"
    WINDOWS_1252 = "windows-1252"
    WINDOWS_1253 = "windows-1253"
    WINDOWS_1254 = "windows-1254"
    WINDOWS_1255 = "windows-1255"
    WINDOWS_1256 = "windows-1256"
    WINDOWS_1257 = "windows-1257"
    WINDOWS_1258 = "windows-1258"
    GBK = "gbk"
    GB18030 = "gb18030"
    BIG5 = "big5"
    EUC_JP = "euc-jp"
    ISO_2022_JP = "iso-2022-jp"
    SHIFT_JIS = "shift_jis"
    EUC_KR = "euc-kr"
    X_USER_DEFINED = "x-user-defined"


def integer(name: str, unit: str, meaning: str) -> Column:
    """Return a column of whole numbers."""
    return Column(name=name, dtype="integer", unit=unit, meaning=meaning)


def number(name: str, unit: str, meaning: str) -> Column:
    """Return a column of numbers with decimals."""
    return Column(name=name, dtype="number", unit=unit, meaning=meaning)


def words(name: str, meaning: str) -> Column:
    """Return a column of texts."""
    return Column(name=name, dtype="text", meaning=meaning)


MODIFIED = Column(name="modified", dtype="timestamp", unit="UTC", meaning="Last modification of the content")
STATE = (
    MODIFIED,
    Column(name="changed", dtype="timestamp", unit="UTC", meaning="Last change of the content or the metadata"),
    Column(name="inode", dtype="unsigned", unit="number", meaning="Inode number"),
)
"""The columns that, with path and size, show that a file is unchanged."""
REUSED = Figure(key="reused_files", title="Unchanged (not read again)", unit="files")


_SIZE = integer("size_bytes", "bytes", "Apparent size")


def known_by(size: Column = _SIZE) -> tuple[Column, ...]:
    """Return the columns that show that a file is unchanged, its path first."""
    return (*path_columns(), size, *STATE)


FOUND_ENCODING = (
    Column(
        name="encoding",
        dtype="text",
        meaning="ascii, utf-8, utf-16le, shift_jis, …; other: not UTF-8, and nothing shows which encoding it is; "
        "binary; empty",
    ),
    Column(
        name="confidence",
        dtype="text",
        meaning="certain: only ASCII, a byte order mark or the option; high: valid UTF-8, UTF-16, or words of a script "
        "that is not Latin; low: few or Latin letters, or bytes that are not valid",
    ),
    Column(
        name="decided_at",
        dtype="integer",
        unit="offset",
        meaning="Byte that shows the encoding first: the first one that is not ASCII, or the first NUL of UTF-16; null "
        "if there is none",
    ),
    Column(
        name="invalid",
        dtype="integer",
        unit="sequences",
        meaning="Sequences of bytes that are not valid in the encoding",
    ),
)
"""What is found of a file's encoding."""
ENCODINGS = Table(
    name="by_encoding",
    title="By encoding",
    columns=(
        FOUND_ENCODING[0],
        integer("files", "files", "Files"),
        _SIZE,
        integer("invalid_files", "files", "Files with bytes that are not valid in the encoding"),
        FOUND_ENCODING[3],
        Column(name="confidence", dtype="text", meaning="Confidence of the example: certain, high or low"),
        Column(
            name="path", dtype="text", meaning="Example: the file with the lowest confidence, the first by its path"
        ),
        Column(name="path_raw", dtype="binary", meaning="The path's raw bytes, if they differ from `path`"),
        Column(
            name="decided_at",
            dtype="integer",
            unit="offset",
            meaning="Byte of the example that shows the encoding first",
        ),
    ),
)
"""The table with the encodings of all files of a job."""


def baseline_table(name: str, reader: str, *columns: Column, optional: bool = False) -> Table:
    """Return a table with the state of each file, which a later job or attempt (`reader`) resumes from."""
    return Table(name=name, title=f"State for a later {reader}", columns=(*known_by(), *columns), optional=optional)


def partials(meaning: str) -> Table:
    """Return the table with the state of each file in one binary field."""
    return baseline_table("partials", "job", Column(name="figures", dtype="binary", meaning=meaning))


def made() -> Table:
    """Return the table with the state of each file that was written to a destination."""
    return baseline_table(
        "made",
        "attempt",
        Column(name="figures", dtype="binary", meaning="The file's counts and figures, in a private format"),
        Column(name="output", dtype="binary", meaning="Identity of the written file, in a private format"),
        optional=True,
    )


EXTENSION = Column(name="extension", dtype="text", meaning="File extension: the part after the last dot, in lower case")


DESTINATION_BYTES = 4096
"""The longest path that the system takes (PATH_MAX)."""


def destination(description: str, otherwise: str) -> Any:
    """Return the field of a new or empty directory that a job fills; `otherwise` says what a job does without one."""
    return field(
        None,
        title="Destination",
        description=description,
        widget="destination",
        placeholder=otherwise,
        max_length=DESTINATION_BYTES,
    )


def path_columns() -> tuple[Column, ...]:
    """Return the two columns that hold a path without loss."""
    return (
        Column(
            name="path", dtype="text", meaning="Path relative to the source; bytes that are not valid UTF-8 are escaped"
        ),
        Column(name="path_raw", dtype="binary", meaning="The path's raw bytes, if they differ from `path`"),
    )
