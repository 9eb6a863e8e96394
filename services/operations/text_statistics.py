"""text_statistics: lines, words, encoding and line endings. The engine's side is ``ops/text_statistics.rs``."""

from __future__ import annotations

from services.operations._spec import (
    ENCODING_NAMES,
    ENCODINGS,
    FOUND_ENCODING,
    REUSED,
    Column,
    Encoding,
    Example,
    Figure,
    Operation,
    Options,
    Table,
    field,
    integer,
    known_by,
)


class TextStatisticsOptions(Options):
    """Options of text_statistics."""

    encoding: Encoding = field(
        Encoding.AUTO,
        title="Encoding",
        description=f"Encoding of files without a byte order mark. Auto: detected for each file. {ENCODING_NAMES}",
        category="advanced",
    )


_LINE_ENDING = Column(name="line_ending", dtype="text", meaning="lf, crlf, cr, mixed or none")
_LANGUAGE = Column(name="language", dtype="text", meaning="Language, detected from the file extension")
_SIZE = integer("size_bytes", "bytes", "Size")
_FILES = integer("files", "files", "Files")
_LINES = integer("lines", "lines", "Number of lines, including a last line without a line ending")
_WORDS = integer("words", "words", "Number of words, separated by white space")

OPERATION = Operation(
    name="text_statistics",
    title="Text statistics",
    summary="Counts lines and words of every file, and detects its encoding, line endings and language.",
    icon="text_snippet",
    options=TextStatisticsOptions,
    tables=(
        Table(
            name="result",
            title="Files",
            columns=(
                *known_by(_SIZE),
                *FOUND_ENCODING,
                Column(name="byte_order_mark", dtype="text", meaning="yes or no"),
                _LINE_ENDING,
                Column(
                    name="last_line",
                    dtype="text",
                    meaning="ended or not ended: whether the last line has a line ending",
                ),
                _LINES,
                _WORDS,
                integer(
                    "characters", "characters", "Number of characters, with line endings; invalid bytes do not count"
                ),
                integer("longest_line_bytes", "bytes", "Length of the longest line, without its line ending"),
                integer("lf", "lines", "Lines that end with LF"),
                integer("crlf", "lines", "Lines that end with CRLF"),
                integer("cr", "lines", "Lines that end with CR"),
                _LANGUAGE,
            ),
        ),
        Table(name="by_language", title="By language", columns=(_LANGUAGE, _FILES, _LINES, _WORDS, _SIZE)),
        Table(
            name="by_form",
            title="By encoding and line ending",
            columns=(FOUND_ENCODING[0], _LINE_ENDING, _FILES, _SIZE),
        ),
        ENCODINGS,
    ),
    figures=(
        Figure(key="files", title="Files", unit="files"),
        Figure(key="bytes", title="Size", unit="bytes"),
        REUSED,
        Figure(key="text_files", title="Text files", unit="files"),
        Figure(key="binary_files", title="Binary files", unit="files"),
        Figure(key="lines", title="Lines"),
        Figure(key="words", title="Words"),
        Figure(key="characters", title="Characters"),
        Figure(key="longest_line_bytes", title="Longest line", unit="bytes"),
        Figure(key="mixed_line_endings", title="Mixed line endings", unit="files"),
        Figure(key="not_utf8", title="Neither UTF-8 nor UTF-16", unit="files"),
        Figure(key="invalid_files", title="Not valid in encoding", unit="files"),
        Figure(key="with_byte_order_mark", title="With byte order mark", unit="files"),
        Figure(key="without_last_line_end", title="No line ending at the end", unit="files"),
    ),
    cost="O(bytes) reading; of binary files only the first MiB. Memory does not grow with the number of files, unless "
    "there is a baseline",
    baseline_tables=("result",),
    splits=True,
    examples=(
        Example(
            title="Text files that are hard to load",
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
