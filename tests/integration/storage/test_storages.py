"""One suite over every storage: they must behave alike."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from services.base import errors
from services.storage import Storage
from services.storage.local import LocalStorage
from services.storage.s3 import S3Storage

MIB = 1 << 20
Put = Callable[[str, bytes], None]


def read(storage: Storage, key: str, start: int = 0, end: int | None = None) -> bytes:
    """Return a whole range."""
    return b"".join(storage.open(key, start, end))


@pytest.mark.parametrize("size", [0, 1, 1000, MIB, 8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 17 * MIB + 5])
def test_what_is_put_is_read_back(storage: Storage, put: Put, size: int) -> None:
    content = random.Random(size).randbytes(size)
    put("jobs/a/result/part-00000.parquet", content)
    assert storage.size("jobs/a/result/part-00000.parquet") == size
    assert read(storage, "jobs/a/result/part-00000.parquet") == content


def test_a_large_object_comes_in_bounded_chunks(storage: Storage, put: Put) -> None:
    put("large", bytes(9 * MIB))
    sizes = [len(chunk) for chunk in storage.open("large")]
    assert sum(sizes) == 9 * MIB
    assert max(sizes) <= MIB


@pytest.mark.parametrize(
    ("start", "end"),
    [(0, None), (0, 10), (5, 6), (5, 5), (6, 5), (90, 100), (90, 1000), (99, None), (100, None), (200, 300), (0, 0)],
)
def test_ranges_are_those_of_a_slice(storage: Storage, put: Put, start: int, end: int | None) -> None:
    content = bytes(range(100))
    put("range", content)
    assert read(storage, "range", start, end) == content[start:end]


def test_a_range_across_parts(storage: Storage, put: Put) -> None:
    content = random.Random(1).randbytes(17 * MIB)
    put("parts", content)
    assert read(storage, "parts", 8 * MIB - 3, 16 * MIB + 3) == content[8 * MIB - 3 : 16 * MIB + 3]


def test_a_put_replaces_the_object(storage: Storage, put: Put) -> None:
    put("same", b"first, and longer")
    put("same", b"second")
    assert read(storage, "same") == b"second"
    assert storage.size("same") == 6
    assert storage.list("same") == ["same"]


def test_a_reader_of_the_old_content_is_not_mixed_with_the_new(storage: Storage, put: Put) -> None:
    put("same", b"a" * 3 * MIB)
    stream = storage.open("same")
    seen = next(stream)
    put("same", b"b" * 3 * MIB)
    seen += b"".join(stream)
    assert set(seen) == {ord("a")}


def test_list_is_sorted_and_only_of_the_prefix(storage: Storage, put: Put) -> None:
    for key in ("b", "a/2", "a/1", "a/10", "ab/1", "a/x/y"):
        put(key, b"")
    assert storage.list("") == ["a/1", "a/10", "a/2", "a/x/y", "ab/1", "b"]
    assert storage.list("a/") == ["a/1", "a/10", "a/2", "a/x/y"]
    assert storage.list("a") == ["a/1", "a/10", "a/2", "a/x/y", "ab/1"]
    assert storage.list("a/1") == ["a/1", "a/10"]
    assert storage.list("nothing/") == []
    assert storage.list("nothing") == []


def test_more_objects_than_one_answer_lists_are_listed_and_deleted(storage: Storage, put: Put) -> None:
    for number in range(1_005):
        put(f"many/{number:05d}", b"")
    put("other", b"")
    assert len(storage.list("many/")) == 1_005
    storage.delete("many/")
    assert storage.list("") == ["other"]


def test_delete_takes_the_prefix_and_nothing_else(storage: Storage, put: Put) -> None:
    for key in ("a/1", "a/x/y", "ab/1", "b"):
        put(key, b"")
    storage.delete("a/")
    assert storage.list("") == ["ab/1", "b"]
    storage.delete("nothing/")
    storage.delete("b")
    assert storage.list("") == ["ab/1"]
    with pytest.raises(errors.ArtifactNotFoundError):
        storage.delete("")
    assert storage.list("") == ["ab/1"]


@pytest.mark.parametrize("call", [lambda s: s.open("nothing"), lambda s: s.size("nothing"), lambda s: s.open("folder")])
def test_what_is_not_there_is_an_artifact_not_found(
    storage: Storage, put: Put, call: Callable[[Storage], object]
) -> None:
    put("folder/file", b"1")
    with pytest.raises(errors.ArtifactNotFoundError):
        call(storage)


TRAVERSALS = ["../x", "a/../../x", "/etc/passwd", "a//b", "a/./b", ".", "..", "", "a\\..\\b", "a\0b", "a/.."]


@pytest.mark.parametrize("key", TRAVERSALS)
def test_no_key_leads_out_of_the_storage(storage: Storage, tmp_path: Path, key: str) -> None:
    outside = tmp_path / "x"
    outside.write_bytes(b"outside")
    path = tmp_path / "to-store"
    path.write_bytes(b"new")
    for call in (storage.open, storage.size, storage.local_path):
        if call == storage.local_path and storage.local_path("any") is None:
            continue
        with pytest.raises(errors.ArtifactNotFoundError):
            call(key)  # type: ignore[operator]
    with pytest.raises(errors.ArtifactNotFoundError):
        storage.put(key, path)
    if key:
        for use in (storage.list, storage.delete):
            with pytest.raises(errors.ArtifactNotFoundError):
                use(key)
    assert outside.read_bytes() == b"outside"
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize(
    "key", ["a b", "ü/ñ", "per%20cent", "plus+", "quote'\"", "a?b#c", "~", "emoji-\U0001f600", "x" * 200]
)
def test_odd_keys_are_ordinary(storage: Storage, put: Put, key: str) -> None:
    put(f"odd/{key}", b"content")
    assert read(storage, f"odd/{key}") == b"content"
    assert storage.list("odd/") == [f"odd/{key}"]
    storage.delete("odd/")
    assert storage.list("odd/") == []


def test_writers_at_once_leave_one_whole_object(storage: Storage, tmp_path: Path) -> None:
    contents = [bytes([65 + number]) * MIB for number in range(4)]

    def write(number: int) -> None:
        path = tmp_path / f"writer-{number}"
        path.write_bytes(contents[number])
        storage.put("shared", path)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read(storage, "shared") in contents


def test_a_file_that_is_not_there_cannot_be_stored(storage: Storage, tmp_path: Path) -> None:
    with pytest.raises(errors.StorageError):
        storage.put("key", tmp_path / "nothing")
    assert storage.list("") == []


def test_check_says_where_it_is(storage: Storage) -> None:
    assert "stored" in storage.check() or "s3://" in storage.check()
    assert storage.list("") == []


def test_a_local_path_is_the_object_itself(storage: Storage, put: Put) -> None:
    put("some/key", b"content")
    path = storage.local_path("some/key")
    if path is not None:
        assert path.read_bytes() == b"content"
        assert path.stat().st_uid == os.getuid()


def test_entries_tell_size_and_time_of_what_list_names(storage: Storage, put: Put) -> None:
    before = time.time()
    for key, size in (("a/1", 3), ("a/x/y", 0), ("ab/1", 5), ("b", 1)):
        put(key, bytes(size))
    assert sorted((entry.key, entry.size_bytes) for entry in storage.entries("a/")) == [("a/1", 3), ("a/x/y", 0)]
    assert sorted(entry.key for entry in storage.entries("")) == storage.list("")
    assert list(storage.entries("nothing/")) == []
    for entry in storage.entries(""):
        assert entry.upload is None
        assert before - 5 < entry.modified_at < time.time() + 5
    with pytest.raises(errors.ArtifactNotFoundError):
        list(storage.entries("../x"))


def test_what_an_unfinished_put_left_is_found_and_dropped(storage: Storage, put: Put, tmp_path: Path) -> None:
    put("jobs/a/1/whole", b"whole")
    if isinstance(storage, S3Storage):
        upload = storage._client.create_multipart_upload(Bucket=storage._bucket, Key=storage._key("jobs/a/1/half"))
        part = {"Bucket": storage._bucket, "Key": storage._key("jobs/a/1/half"), "UploadId": upload["UploadId"]}
        storage._client.upload_part(**part, PartNumber=1, Body=bytes(1234))
    else:
        (tmp_path / "stored/jobs/a/1/.put-half").write_bytes(bytes(1234))
        (tmp_path / "stored/jobs/a/2").mkdir()
    found = list(storage.unfinished("jobs/"))
    assert sum(entry.size_bytes for entry in found) == 1234
    assert all(entry.upload for entry in found)
    assert list(storage.unfinished("other/")) == []
    assert storage.list("jobs/") == ["jobs/a/1/whole"]
    for _ in range(2):
        for entry in found:
            storage.drop(entry)
    assert list(storage.unfinished("jobs/")) == []
    assert read(storage, "jobs/a/1/whole") == b"whole"


def test_a_directory_that_is_filled_again_is_not_dropped(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path / "stored")
    (tmp_path / "stored/jobs/a").mkdir(parents=True)
    (empty,) = storage.unfinished("jobs/")
    (tmp_path / "stored/jobs/a/new").write_bytes(b"new")
    storage.drop(empty)
    assert storage.list("jobs/") == ["jobs/a/new"]


def test_many_may_delete_the_same_at_once(storage: Storage, put: Put) -> None:
    for number in range(60):
        put(f"jobs/a/{number % 7}/{number}", b"")
    failures: list[BaseException] = []

    def delete() -> None:
        try:
            storage.delete("jobs/a/")
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=delete) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert storage.list("") == []
