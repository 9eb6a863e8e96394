"""Files in other encodings, as Python's codecs read them: an implementation of its own."""

from __future__ import annotations

import pytest

from services import bootstrap
from services.operations._spec import Encoding
from tests.conftest import TreeBuilder
from tests.integration.operations.conftest import Rows, RunJob, converted

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
    written = run_job("convert", source, options=options)
    (row,) = rows(written)
    assert (row["records_read"], row["records_written"], row["records_rejected"]) == (5, 3, 2)
    rejects = [(row["record"], row["reason"]) for row in rows(written, "rejects")]
    assert rejects == [(3, "not valid Shift_JIS"), (4, "not valid Shift_JIS")]
    validated = run_job("validate", source, options=options)
    errors = rows(validated, "errors")
    assert [(row["record"], row["rule"]) for row in errors] == [(3, "encoding"), (4, "encoding")]


# Of each script, words that everybody who writes it knows.
WORDS = {
    "windows-1252": "Müller Größe café naïve señor Zürich Åse Ørsted déjà façade",
    "cp1250": "Łódź Kraków święto źródło żółty dąb Dvořák příliš žluťoučký",
    "cp1251": "Москва привет улица название город сумма дата имя",
    "koi8-r": "Москва привет улица название город сумма дата имя",
    "cp1253": "Αθήνα καλημέρα όνομα πόλη ημερομηνία ποσό δρόμος",
    "cp1255": "שלום ירושלים רחוב תאריך סכום עיר",
    "cp1256": "السلام القاهرة شارع التاريخ المبلغ مدينة",
    "cp932": "東京 大阪 名前 日付 株式会社 カタカナ ありがとう",
    "euc-jp": "東京 大阪 名前 日付 株式会社 カタカナ ありがとう",
    "gbk": "北京 上海 名称 日期 金额 城市 有限公司",
    "big5": "台北 高雄 名稱 日期 金額 城市 有限公司",
    "cp949": "서울 부산 이름 날짜 금액 도시 주식회사",
}


@pytest.mark.parametrize("plain", [0, 60_000], ids=["from the start", "first letters behind 1.5 MB"])
def test_what_is_not_utf8_is_read_as_its_letters_say(
    running: bootstrap.Services, run_job: RunJob, rows: Rows, tree: TreeBuilder, plain: int
) -> None:
    files, expected = {}, {}
    for codec, words in WORDS.items():
        names = words.split()
        lines = [f"{number},plain text {number}\n" for number in range(plain)]
        lines += [f"{number},{names[number % len(names)]}\n" for number in range(40)]
        files[f"{codec}.csv"] = "".join(["id,name\n", *lines]).encode(codec)
        expected[codec] = names
    view = run_job("convert", tree(files), options={"to": "csv"})
    found = {row["path"].removesuffix(".csv"): row for row in rows(view)}
    assert {(row["records_written"], row["records_rejected"]) for row in found.values()} == {(plain + 40, 0)}
    for codec, names in expected.items():
        written = converted(running, view, f"{codec}.csv").decode().splitlines()
        assert [line.split(",")[1] for line in written[-40:]] == [names[n % len(names)] for n in range(40)], codec
    told = {row["path"]: row["message"] for row in rows(view, "issues")}
    assert set(told) == {f"{codec}.csv" for codec in WORDS}
    assert all("is not UTF-8; it is read as" in message for message in told.values())


def test_some_broken_bytes_do_not_make_another_encoding(run_job: RunJob, rows: Rows, tree: TreeBuilder) -> None:
    files = {
        "broken.csv": "id,name\n1,Größe\n2,Ωmega\n".encode() + b"3,caf\xe9\n",
        "noise.csv": b"id,name\n1,\xff\xfe\n2,x\n",
        "chosen.csv": b"id,name\n1,caf\xe9\n",
    }
    source = tree(files)
    view = run_job("convert", source)
    assert {row["path"]: row["records_rejected"] for row in rows(view)} == {
        "broken.csv": 1,
        "noise.csv": 1,
        "chosen.csv": 0,
    }
    assert [row["records_rejected"] for row in rows(run_job("convert", source, options={"encoding": "utf-8"}))] == [
        1
    ] * 3
