"""text_statistics: lines, words, encoding and line ends. The engine's side is ``ops/text_statistics.rs``."""

from __future__ import annotations

from services.operations._spec import (
    REUSED,
    Column,
    Example,
    Figure,
    Operation,
    Options,
    Table,
    integer,
    known_by,
)


class TextStatisticsOptions(Options):
    """Options of text_statistics: there is nothing to choose."""


_ENCODING = Column(
    name="encoding",
    dtype="text",
    meaning="ascii, utf-8, utf-16le, utf-16be; other: bytes that are no UTF-8, such as Latin-1; binary; empty",
)
_LINE_ENDING = Column(name="line_ending", dtype="text", meaning="lf, crlf, cr, mixed, or none")
_LANGUAGE = Column(name="language", dtype="text", meaning="Told by the extension")
_SIZE = integer("size_bytes", "bytes", "Size")
_FILES = integer("files", "files", "Files")
_LINES = integer("lines", "lines", "Lines, the last one also without an end")
_WORDS = integer("words", "words", "Runs of what is no white space")

OPERATION = Operation(
    name="text_statistics",
    title="Text statistics",
    summary="Lines, words, encoding, line ends and language of every file: to be known before it is loaded.",
    icon="text_snippet",
    options=TextStatisticsOptions,
    tables=(
        Table(
            name="result",
            title="Files",
            columns=(
                *known_by(_SIZE),
                _ENCODING,
                Column(name="byte_order_mark", dtype="text", meaning="yes or no"),
                _LINE_ENDING,
                Column(name="last_line", dtype="text", meaning="ended or not ended by a line end"),
                _LINES,
                _WORDS,
                integer("longest_line_bytes", "bytes", "Longest line, without its end"),
                integer("lf", "lines", "Lines that end by a line feed"),
                integer("crlf", "lines", "Lines that end by carriage return and line feed"),
                integer("cr", "lines", "Lines that end by a carriage return"),
                _LANGUAGE,
            ),
        ),
        Table(name="by_language", title="By language", columns=(_LANGUAGE, _FILES, _LINES, _WORDS, _SIZE)),
        Table(name="by_form", title="By encoding and line end", columns=(_ENCODING, _LINE_ENDING, _FILES, _SIZE)),
    ),
    figures=(
        Figure(key="files", title="Files", unit="files"),
        Figure(key="bytes", title="Size", unit="bytes"),
        REUSED,
        Figure(key="text_files", title="Texts", unit="files"),
        Figure(key="binary_files", title="Binary", unit="files"),
        Figure(key="lines", title="Lines"),
        Figure(key="words", title="Words"),
        Figure(key="longest_line_bytes", title="Longest line", unit="bytes"),
        Figure(key="mixed_line_endings", title="Mixed line ends", unit="files"),
        Figure(key="not_utf8", title="Neither ASCII nor UTF-8", unit="files"),
        Figure(key="with_byte_order_mark", title="With byte order mark", unit="files"),
        Figure(key="without_last_line_end", title="Without last line end", unit="files"),
    ),
    cost="O(bytes) reading; binary files are left after their first MiB; memory does not grow with the tree, "
    "but with that of a baseline",
    kept=("result",),
    splits=True,
    examples=(
        Example(
            title="Texts that a loader would stumble over",
            files={
                "good.csv": b"a,b\n1,2\n",
                "mixed.csv": b"a,b\r\n1,2\n3,4",
                "latin.csv": b"caf\xe9\r\n",
                "marked.csv": b"\xef\xbb\xbfa,b\n",
                "image.bin": b"\x00\x01",
                "empty": b"",
            },
            expect={
                "files": 6,
                "text_files": 4,
                "binary_files": 1,
                "empty_files": 1,
                "lines": 7,
                "mixed_line_endings": 1,
                "not_utf8": 1,
                "with_byte_order_mark": 1,
                "without_last_line_end": 1,
            },
        ),
    ),
)
