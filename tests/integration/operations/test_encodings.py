"""Files in other encodings, as Python's codecs read them: an implementation of its own."""

from __future__ import annotations

import pytest

from services.operations._spec import Encoding
from tests.conftest import TreeBuilder
from tests.integration.operations.conftest import Rows, RunJob

# Python's name, where it is another one.
CODECS = {
    "windows-874": "cp874",
    "macintosh": "mac_roman",
    "x-mac-cyrillic": "mac_cyrillic",
    "iso-8859-8-i": "iso8859_8",
    "shift_jis": "cp932",
    "euc-kr": "cp949",
    "latin1": "iso8859_1",
}
SINGLE = [
    one
    for one in Encoding
    if one.startswith(("ibm", "iso-8859", "koi8", "mac", "x-mac", "windows")) or one is Encoding.LATIN1
]
# Bytes for which the standard has another character than Python.
OTHER = {"koi8-u": b"\xae\xbe", "macintosh": b"\xf0", "x-mac-cyrillic": b"\xa2\xb6\xff"}
KANJI = range(0x4E00, 0x9FA6)
MULTIPLE = {
    "shift_jis": KANJI,
    "euc-jp": KANJI,
    "iso-2022-jp": KANJI,
    "gbk": KANJI,
    "gb18030": [*KANJI, *range(0x1F300, 0x1F600)],
    "big5": KANJI,
    "euc-kr": range(0xAC00, 0xD7A4),
    "utf-8": KANJI,
    "utf-16le": [*KANJI, *range(0x1F300, 0x1F600)],
    "utf-16be": [*KANJI, *range(0x1F300, 0x1F600)],
}


def decoded(one: bytes, codec: str) -> str:
    try:
        return one.decode(codec)
    except UnicodeDecodeError:
        return ""


@pytest.mark.parametrize("encoding", SINGLE)
def test_every_byte_is_the_character_that_python_has(
    run_job: RunJob, rows: Rows, tree: TreeBuilder, encoding: str
) -> None:
    codec = CODECS.get(encoding, encoding)
    high = bytes(byte for byte in range(0xA0, 0x100) if byte not in OTHER.get(encoding, b""))
    known = [byte for byte in high if decoded(bytes([byte]), codec)]
    if encoding.startswith(("windows", "ibm", "koi8", "mac", "x-mac")):
        known += [byte for byte in range(0x80, 0xA0) if decoded(bytes([byte]), codec)]
    assert len(known) > 40
    content = b"a" + bytes(known) + b"z"
    view = run_job(
        "search", tree({"a.txt": b"first\n" + content + b"\n"}), options={"patterns": ["a.+z$"], "encoding": encoding}
    )
    (row,) = rows(view)
    assert row["text"] == content.decode(codec)
    assert row["byte_offset"] == len("first\n")


@pytest.mark.parametrize("encoding", MULTIPLE)
def test_characters_of_several_bytes_are_those_that_python_has(
    run_job: RunJob, rows: Rows, tree: TreeBuilder, encoding: str
) -> None:
    codec = CODECS.get(encoding, encoding)
    text = "".join(chr(code) for code in MULTIPLE[encoding]).encode(codec, "ignore").decode(codec)
    assert len(text) > 6000
    # Longer than a block, so that characters are cut.
    lines = [text[at : at + 200] for at in range(0, len(text), 200)]
    content = "".join(f"{line}\n" for line in [*lines * 40, *(f"{line}z" for line in lines)])
    view = run_job(
        "search",
        tree({"a.txt": content.encode(codec)}),
        options={"patterns": ["z$"], "encoding": encoding, "line_length": 1000},
    )
    found = sorted(rows(view), key=lambda row: int(row["line"]))
    assert [row["text"] for row in found] == [f"{line}z" for line in lines]


def test_tables_are_read_in_their_encoding_and_what_is_not_valid_is_rejected(
    run_job: RunJob, rows: Rows, tree: TreeBuilder
) -> None:
    content = "名前,値\n日本,1\n東京,2\n".encode("cp932") + b"\xff\xfd,3\n\x81,4\n" + "大阪,5\n".encode("cp932")
    source = tree({"a.csv": content})
    options = {"encoding": "shift_jis"}
    profiled = run_job("profile", source, options=options)
    assert [row["column"] for row in rows(profiled)] == ["名前", "値"]
    assert [row["encoding"] for row in rows(profiled, "files")] == ["not shift_jis"]
    converted = run_job("convert", source, options=options)
    (row,) = rows(converted)
    assert (row["records_read"], row["records_written"], row["records_rejected"]) == (5, 3, 2)
    rejects = [(row["record"], row["reason"]) for row in rows(converted, "rejects")]
    assert rejects == [(3, "not valid Shift_JIS"), (4, "not valid Shift_JIS")]
    validated = run_job("validate", source, options=options)
    errors = rows(validated, "errors")
    assert [(row["record"], row["rule"]) for row in errors] == [(3, "encoding"), (4, "encoding")]
