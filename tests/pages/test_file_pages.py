"""Pages of duplicates, search and jobs of several operations."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from pages.components.views import validate
from services import bootstrap
from services.models.jobs import JobRequest, JobView, OperationRequest, Source
from tests.conftest import TreeBuilder
from tests.pages.conftest import Open, button, drawn, texts

RunJob = Callable[..., JobView]


def figures(app: object) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}  # type: ignore[attr-defined]


def test_duplicates_shows_waste_and_a_rule_with_its_preview(
    open_page: Open, run_job: RunJob, tree: TreeBuilder
) -> None:
    root = tree({"a/x.jpg": b"p" * 2048, "b/x.jpg": b"p" * 2048, "b/y.txt": b"p" * 2048, "c": b"only here"})
    job = run_job("duplicates", root)
    app = open_page("job", id=str(job.id))
    shown = figures(app)
    assert (shown["Groups"], shown["Redundant files"], shown["Reclaimable"]) == ("1", "2", "4.0 KiB")
    assert (shown["To be removed"], shown["Frees"], shown["Groups not changed"]) == ("2 files", "4.0 KiB", "0")
    app = open_page("job", id=str(job.id), keep="one file of each name", remove_extension=".JPG")
    assert figures(app)["To be removed"] == "1 file"
    assert "cannot be checked" not in texts(app)
    links = [link.proto.url for link in app.get("link_button")]
    assert f"api/jobs/{job.id}/removal?keep=each_name&filter=extension%3Aeq%3Ajpg&format=sh" in links
    assert "Enter the path of the folder" in texts(open_page("job", id=str(job.id), keep="files in a folder"))
    wrong = open_page("job", id=str(job.id), remove_size="many")
    assert wrong.error
    os.utime(root / "b/x.jpg", (13_569_465_600, 13_569_465_600))  # the year 2400
    app = open_page("job", id=str(run_job("duplicates", root).id))
    assert figures(app)["To be removed"] == "1 file"
    assert "1 more file stays: its time, or that of the file to keep, is outside 1678 to 2262" in texts(app)


def test_whole_copied_folders_come_first_and_one_chooses_which_stays(
    open_page: Open, run_job: RunJob, tree: TreeBuilder
) -> None:
    files = {"1.jpg": b"p" * 2048, "2.jpg": b"q" * 4096}
    places = ("2023 (copy)", "2023", "elsewhere/2023")
    root = tree({f"{place}/{name}": content for place in places for name, content in files.items()})
    (root / "2.jpg").write_bytes(files["2.jpg"])
    for path in root.rglob("*.jpg"):
        os.utime(path, ns=(10**18, 10**18))
    job = run_job("duplicates", root)
    app = open_page("job", id=str(job.id))
    headings = [one.value for one in app.subheader]
    assert headings.index("Copied folders") < headings.index("Reclaimable space by folder")
    assert "**3 folders** with the same 2 files, 6.0 KiB each" in texts(app)
    (stays,) = app.radio
    assert stays.value == "2023"
    app = drawn(stays.set_value("elsewhere/2023").run())
    (goes,) = (one for one in app.selectbox if one.label == "Remove from")
    assert goes.options == ["2023", "2023 (copy)"]
    app = drawn(goes.select("2023 (copy)").run())
    app = drawn(button(app, "Plan removal").click().run())  # type: ignore[attr-defined]
    assert (figures(app)["To be removed"], figures(app)["Frees"]) == ("2 files", "6.0 KiB")
    (address,) = [link.proto.url for link in app.get("link_button") if link.proto.url.endswith("format=sh")]
    assert "keep=under&folder=elsewhere%2F2023&filter=path%3Astarts_with%3A2023" in address


def test_a_copied_folder_in_a_reference_stays(open_page: Open, run_job: RunJob, tree: TreeBuilder) -> None:
    kept = tree({"2023/a": b"one"}, name="kept")
    job = run_job("duplicates", tree({"x/2023/a": b"one"}), references=[str(kept)])
    app = open_page("job", id=str(job.id))
    assert "In a reference, so it stays" in texts(app)
    assert len(app.radio) == 0
    app = drawn(button(app, "Plan removal").click().run())  # type: ignore[attr-defined]
    assert figures(app)["To be removed"] == "1 file"


def test_duplicates_of_nothing_says_so(open_page: Open, run_job: RunJob, tree: TreeBuilder) -> None:
    job = run_job("duplicates", tree({"a": b"1", "b": b"2"}))
    app = open_page("job", id=str(job.id))
    assert "No duplicates: all files have different content." in texts(app)
    assert "To be removed" not in figures(app)


def test_verdict_on_a_reference(open_page: Open, run_job: RunJob, tree: TreeBuilder) -> None:
    kept = tree({"a": b"one", "b": b"two"}, name="kept")
    source = tree({"copy": b"one"})
    options = {"references": [str(kept)], "only_against_reference": True}
    app = open_page("job", id=str(run_job("duplicates", source, **options).id))
    assert "The references contain a copy of every file" in app.success[0].value
    (source / "new").write_bytes(b"only here")
    app = open_page("job", id=str(run_job("duplicates", source, **options).id))
    assert "**Not safe to wipe.** 1 file (9 B) of the source have no copy in the references." in texts(app)


def test_search_shows_lines_with_their_matches(open_page: Open, run_job: RunJob, tree: TreeBuilder) -> None:
    root = tree({"src/a.c": b"int a;\nlock(<b>);  unlock(x);\nend\n", "b.txt": b"nothing\n"})
    job = run_job("search", root, patterns=[r"(un)?lock\("], context_after=1)
    app = open_page("job", id=str(job.id))
    assert (figures(app)["Matches"], figures(app)["Files with a match"]) == ("2", "1")
    (snippet,) = [block.proto.body for block in app.get("html") if "pravah-snippet" in block.proto.body]
    assert "src/a.c" in snippet
    assert "<mark>lock(</mark>&lt;b&gt;);  <mark>unlock(</mark>x);" in snippet
    assert ">end</span>" in snippet
    assert len(app.get("plotly_chart")) == 2


def test_search_names_the_limit_that_left_something_out(open_page: Open, run_job: RunJob, tree: TreeBuilder) -> None:
    root = tree(dict.fromkeys("abc", b"x\n" * 5))
    of_files = open_page("job", id=str(run_job("search", root, patterns=["x"], max_matches_per_file=2).id))
    assert "**Partial.** 3 files were searched only up to match 2." in texts(of_files)
    assert "Raise **Maximum matches**" not in texts(of_files)
    of_job = open_page("job", id=str(run_job("search", root, patterns=["x"], max_matches=3).id))
    assert "**Partial.** The search stopped after 3 matches, and did not search the other files." in texts(of_job)


def test_search_for_what_is_not_there_says_so(open_page: Open, run_job: RunJob, tree: TreeBuilder) -> None:
    job = run_job("search", tree({"a": b"1\n"}), patterns=["nowhere"])
    assert "No matches." in texts(open_page("job", id=str(job.id)))


def test_each_operation_of_a_job_has_its_result(open_page: Open, shared: bootstrap.Services, tree: TreeBuilder) -> None:
    root = tree({"a.txt": b"12345", "b.txt": b"12345"})
    asked = tuple(OperationRequest(operation=name) for name in ("inventory", "checksum", "duplicates"))
    shared.start_worker()
    job, _ = shared.jobs.submit(JobRequest(operations=asked, source=Source.of_path(root)))
    shared.jobs.wait(job.id, timeout_seconds=30)
    assert "Folders" in figures(open_page("job", id=str(job.id)))
    assert "Rate" in figures(open_page("job", id=str(job.id), of="Checksum"))
    assert "Reclaimable" in figures(open_page("job", id=str(job.id), of="Duplicates"))
    assert "Folders" in figures(open_page("job", id=str(job.id), of="no_such"))
    command = open_page("job", id=str(job.id), tab="Details").code
    assert any(block.value.startswith("pravah run inventory,checksum,duplicates /") for block in command)
    table = open_page("job", id=str(job.id), tab="Table", table="duplicates.groups")
    assert list(table.dataframe[0].value["reclaimable_bytes"]) == ["5 B"]


def test_operations_are_added_and_left_out_in_the_form(open_page: Open, shared: bootstrap.Services) -> None:
    path = str(shared.settings.sample_dir)
    form = '{"options":{"checksum":{"algorithms":["md5"]}}}'
    app = open_page("new_job", path=path, operations="checksum", form=form)
    app = drawn(app.button(key="add_inventory").click().run())
    app = drawn(app.button(key="add_duplicates").click().run())
    assert "Inventory + Checksum + Duplicates: one job" in texts(app).replace("\\", "")
    app = drawn(app.button(key="add_inventory").click().run())
    drawn(button(app, "Start").click().run())  # type: ignore[attr-defined]
    (job,) = shared.jobs.list().items
    assert job.names == ("checksum", "duplicates")
    assert job.operations[0].options["algorithms"] == ["md5"]


def test_name_of_a_snippets_file_is_text(open_page: Open, run_job: RunJob, tmp_path: Path) -> None:
    root = tmp_path / "source"
    root.mkdir()
    (root / "<img src=x>").write_bytes(b"<script>x</script>\n")
    job = run_job("search", root, patterns=["script"])
    bodies = "".join(block.proto.body for block in open_page("job", id=str(job.id)).get("html"))
    assert "<img" not in bodies
    assert "<script" not in bodies


def test_text_statistics_names_what_a_loader_stumbles_over(open_page: Open, run_job: RunJob, tree: TreeBuilder) -> None:
    job = run_job("text_statistics", tree({"a.csv": b"1\r\n2\n", "b.csv": b"caf\xe9\n", "c.py": b"x\n"}))
    app = open_page("job", id=str(job.id))
    assert (figures(app)["Text files"], figures(app)["Lines"]) == ("3", "4")
    assert "1 file has mixed line endings." in texts(app)
    assert "1 file is neither UTF-8 nor UTF-16." in texts(app)
    drawn(app.button(key="to_mixed_line_endings").click().run())
    table = open_page("job", id=str(job.id), tab="Table", filter="line_ending:eq:mixed")
    assert list(table.dataframe[0].value["path"]) == ["a.csv"]
    clean = run_job("text_statistics", tree({"a": b"1\n"}, name="clean"))
    assert "All text files are UTF-8 or UTF-16" in texts(open_page("job", id=str(clean.id)))


def test_profile_shows_what_is_odd_a_column_and_the_drift(open_page: Open, run_job: RunJob, tree: TreeBuilder) -> None:
    root = tree(
        {
            "a.csv": b"id,x,k\n1,2,3\n2,oops,4\n",
            "b.csv": b"id,y,k\n3,four,5\n",
            "c.csv": b"id,x,k\n4\n",
            "d.png": b"\x89PNG",
        }
    )
    job = run_job("profile", root)
    app = open_page("job", id=str(job.id))
    shown = figures(app)
    assert (shown["Files"], shown["Records"], shown["Columns"], shown["Schemas"]) == ("3", "4", "4", "3")
    assert "1 column holds values of several types." in texts(app)
    assert "1 record has too many or too few fields." in texts(app)
    app = open_page("job", id=str(job.id), profile_column="x")
    assert "1 text, the first 'oops' in record 2 of a" in texts(app).replace("\\", "")
    matrix = next(one.value for one in app.dataframe if "Column" in one.value)
    assert set(matrix["Column"]) == {"id", "x", "y", "k"}


def test_profile_shows_one_dataset_after_the_other(open_page: Open, run_job: RunJob, tree: TreeBuilder) -> None:
    rows = b"".join(b"%d,%d.5,x\n" % (place, place) for place in range(500))
    orders = {f"orders-{place}.csv": b"id,amount,note\n" + rows for place in range(2)}
    wrong = b"id,amount,note\n" + rows.replace(b",7.5,", b",oops,")
    job = run_job("profile", tree({**orders, "orders-3.csv": wrong, "customers.csv": b"id,name,city\nc1,a,b\n"}))
    app = open_page("job", id=str(job.id), profile_column="amount")
    assert figures(app)["Columns"] == "6"
    datasets = next(one.value for one in app.dataframe if "schemas" in one.value and "records" in one.value)
    assert list(datasets["dataset"]) == ["orders", "customers"]
    said = texts(app)
    assert "1 column has values that the type of the column does not hold." in said
    assert "1 value is not of type float and left out of the figures" in said
    exceptions = next(one.value for one in app.dataframe if list(one.value) == ["value", "path", "record"])
    assert exceptions.to_numpy().tolist() == [["oops", "orders-3.csv", "8"]]
    assert "All files of this dataset have the same columns" in said
    app = open_page("job", id=str(job.id), profile_dataset="customers")
    columns = next(one.value for one in app.dataframe if "type" in one.value)
    assert list(columns["column"]) == ["id", "name", "city"]


def test_profile_shows_formats_and_its_schema_is_used(open_page: Open, run_job: RunJob, tree: TreeBuilder) -> None:
    root = tree({"a.csv": b"day;due;price\n31.12.2024;1/2/2025;1.234,50\n01.02.2025;3/4/2025;7,25\nsoon;;\n"})
    job = run_job("profile", root, delimiter="semicolon")
    app = open_page("job", id=str(job.id))
    shown = texts(app).replace("\\", "").replace("\u2060", "")
    assert "due: date:%d/%m/%Y (2 values) or date:%m/%d/%Y (2 values)" in shown
    assert job.result("profile")["summary"]["formats"] == ["price=number:1.234,56"]
    links = {link.proto.label: link.proto.query_string for link in app.get("page_link")}
    forms = {
        operation: json.loads(parse_qs(links[f"Use as schema to {operation}"])["form"][0])["options"][operation]
        for operation in ("convert", "validate")
    }
    assert [one["delimiter"] for one in forms.values()] == ["semicolon"] * 2
    assert forms["convert"]["schema_text"] == forms["validate"]["schema_text"]
    fields = json.loads(forms["validate"]["schema_text"])["fields"]
    assert [(one["name"], one["type"], one.get("format")) for one in fields] == [
        ("day", "string", None),
        ("due", "string", None),
        ("price", "number", "1.234,56"),
    ]
    form = open_page("new_job", **{name: one[0] for name, one in parse_qs(links["Use as schema to validate"]).items()})
    assert json.loads(next(one.value for one in form.text_area if one.label == "Schema as text"))["fields"] == fields
    table = next(one.value for one in app.dataframe if "Format" in one.value or "format" in one.value)
    assert len(table) == 2


def test_profile_names_what_deviates_from_the_schema(open_page: Open, run_job: RunJob, tree: TreeBuilder) -> None:
    files = {f"{place}.csv": b"day,x,k\n2024-01-31,1,3\n2024-02-29,2,4\n" for place in range(4)}
    job = run_job("profile", tree(files | {"wrong.csv": b"day,z,k\n31/01/2024,3,5\n"}))
    said = texts(open_page("job", id=str(job.id))).replace("\\", "").replace("\u2060", "")
    assert "3 columns, 3 of them without a missing value" in said
    assert '**day**: 1 of 5 files has other values: wrong.csv, such as "31/01/2024" in record 1.' in said
    assert "Left out, because most files do not have them: z (in 1 of 5 files)." in said


def test_convert_says_that_a_value_is_not_the_one_that_was_read(
    open_page: Open, run_job: RunJob, tree: TreeBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tree({"a.csv": b"id,x\n1,2\n3,4\n"})
    monkeypatch.setenv("PRAVAH_FAULT", "spoil")
    job = run_job("convert", root, to="csv", prove_values=True)
    app = open_page("job", id=str(job.id))
    assert "**Value proof:** 1 file with other values than the source." in texts(app)
    assert job.verdict == "failed"
    monkeypatch.delenv("PRAVAH_FAULT")
    assert run_job("convert", root, to="csv", prove_values=True).verdict == "whole"


def test_profile_of_no_table_says_what_to_do(open_page: Open, run_job: RunJob, tree: TreeBuilder) -> None:
    app = open_page("job", id=str(run_job("profile", tree({"a.png": b"1"})).id))
    assert "Files: all" in texts(app)


def test_convert_shows_the_balance_and_what_was_rejected(open_page: Open, run_job: RunJob, tree: TreeBuilder) -> None:
    job = run_job("convert", tree({"a.csv": b"id,x\n1,2\n2\n"}))
    app = open_page("job", id=str(job.id))
    assert "**2** records read = **1** written + **1** rejected" in texts(app)
    assert any("1 fields instead of 2" in str(one.value) for one in app.dataframe)


def test_convert_shows_that_no_value_changed(open_page: Open, run_job: RunJob, tree: TreeBuilder) -> None:
    source = tree({"a.csv": b"id,x\n1,2\n2,\n"})
    job = run_job("convert", source, prove_values=True)
    said = texts(open_page("job", id=str(job.id)))
    assert "**Value proof:** 2 records, 3 values, fingerprints equal." in said
    assert "Value proof" not in texts(open_page("job", id=str(run_job("convert", source).id)))


def test_validate_says_what_could_not_be_checked(open_page: Open, run_job: RunJob, tree: TreeBuilder) -> None:
    key = '{"fields": "a", "reference": {"resource": "gone", "fields": "b"}}'
    schema = f'{{"fields": [{{"name": "a"}}], "foreignKeys": [{key}]}}'
    app = open_page("job", id=str(run_job("validate", tree({"a.csv": b"a\n1\n"}), schema_text=schema).id))
    said = [one.value for one in app.warning]
    assert any("**Partial.** No record violates the schema, but some checks were not possible" in one for one in said)
    assert any("**Partial.**" in one for one in said)
    assert not app.success


def test_validate_shows_rules_across_columns(open_page: Open, run_job: RunJob, tree: TreeBuilder) -> None:
    root = tree({"a.csv": b"a,b\n1,2\n2,1\n,3\n", "b.csv": b"a,b\n5,4\n", "c.csv": b"x\n1\n"})
    app = open_page("job", id=str(run_job("validate", root, rules=["order: a <= b"]).id))
    assert "Rules across columns" in [one.value for one in app.subheader]
    [row] = next(one.value for one in app.dataframe if "expression" in one.value.columns).to_dict("records")
    assert (row["rule"], row["files"], row["broken"], row["undecided"]) == ("order", "2", "2", "1")
    assert row["first"] == "a.csv, record 2"
    whole = open_page("job", id=str(run_job("validate", root, rules=["few: count() < 2"]).id))
    assert "**Invalid.** All records together break a rule." in whole.error[0].value
    found = next(one.value for one in whole.dataframe if "values" in one.value.columns).to_dict("records")
    assert [(one["verdict"], one["values"]) for one in found] == [("broken", "count() = 4"), ("kept", "count() = 1")]


def test_validate_says_raise_the_limit_only_where_it_was_reached(
    open_page: Open, run_job: RunJob, tree: TreeBuilder
) -> None:
    schema = '{"fields": [{"name": "a", "type": "integer"}]}'
    job = run_job("validate", tree({"a.csv": b"a\nx\ny\nz\n"}), schema_text=schema, max_errors=2)
    said = [one.value for one in open_page("job", id=str(job.id)).warning]
    assert "**Partial.** 2 of 3 errors are listed. Raise **Maximum listed errors** to see more." in said
    # As of a file that was replaced before its keys were read again.
    summary = {"listed_errors": 1, "errors": 3}
    assert "Raise" not in validate._unlisted(summary, {"max_errors": 2})
    assert "See the issues" in validate._unlisted(summary, {"max_errors": 2})


def test_validate_shows_the_verdict_and_takes_a_changed_schema(
    open_page: Open, run_job: RunJob, tree: TreeBuilder
) -> None:
    root = tree({"a.csv": b"id,x\n1,2\n2,oops\n"})
    schema = '{"fields": [{"name": "id", "type": "integer"}, {"name": "x", "type": "integer"}]}'
    app = open_page("job", id=str(run_job("validate", root, schema_text=schema).id))
    assert "**Invalid.** Some records violate the schema." in app.error[0].value
    assert figures(app)["Errors"] == "1"
    assert '"integer"' in app.text_area[0].value
    app.text_area[0].set_value("no JSON").run()
    assert "This is not valid JSON" in app.error[-1].value
    assert (
        "**Valid.** All records match"
        in open_page("job", id=str(run_job("validate", tree({"b.csv": b"a\n1\n"}, name="b")).id)).success[0].value
    )


def test_decompress_says_what_members_have_lost(
    open_page: Open, run_job: RunJob, tree: TreeBuilder, tmp_path: Path
) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, mode in (("tool", 0o4755), ("plain", 0o755)):
            member = tarfile.TarInfo(name)
            member.mode = mode
            archive.addfile(member)
    job = run_job("decompress", tree({"a.tar": packed.getvalue()}), destination=str(tmp_path / "out"))
    page = texts(open_page("job", id=str(job.id)))
    assert "Not kept at the destination: 1 setuid, setgid or sticky bit." in page
    assert (tmp_path / "out" / "a" / "tool").stat().st_mode & 0o7777 == 0o755


def test_a_job_that_could_not_read_everything_has_the_badge_and_says_so(
    open_page: Open, run_job: RunJob, tree: TreeBuilder
) -> None:
    root = tree({"cut.log.gz": gzip.compress(b"text" * 1000)[:-9], "b.log": b"text"})
    job = run_job("search", root, patterns=["text"], search_compressed=True)
    app = open_page("job", id=str(job.id))
    assert "**Incomplete.** 1 issue is of something that could not be read, or not to its end." in texts(app)
    assert ":orange-badge[:material/gpp_maybe: Incomplete]" in texts(app)
