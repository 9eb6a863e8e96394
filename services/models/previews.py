"""What is known of a job before it starts."""

from __future__ import annotations

from services.models.jobs import Model


class Preview(Model):
    """What a job would touch.

    Attributes:
        first_tables: the first files that an operation of the job reads as tables.
        complete: false when a limit ended the count.
    """

    files: int
    bytes: int
    directories: int
    first_names: list[str]
    first_tables: list[str]
    complete: bool


class PreviewRecord(Model):
    """A record.

    Attributes:
        values: its values as texts; of a record that does not fit, its text as one value.
        fields: how many it has, where these are not as many as the columns.
    """

    values: list[str]
    fields: int | None


class PreviewTable(Model):
    """The beginning of a file of records, as it would be read.

    Attributes:
        packed: how it is compressed.
        confidence: of the delimiter, 0 to 1.
        header_lines: lines before the first record.
        names: of the first 200 columns.
        lines: the first 20, as they stand; none of a binary format.
        records: the first 20.
    """

    format: str
    packed: str | None
    encoding: str
    delimiter: str | None
    quote: str | None
    confidence: float
    reason: str
    has_header: bool
    header_reason: str
    header_lines: int
    names: list[str]
    columns: int
    lines: list[str]
    records: list[PreviewRecord]

    @property
    def found(self) -> str:
        """What was found, with its reasons, as sentences."""
        parts = [f"{self.format if self.packed is None else f'{self.format} in {self.packed}'}, {self.encoding}"]
        if self.delimiter is not None:
            parts.append(f"delimiter: {self.delimiter} (confidence {self.confidence:.0%}: {self.reason})")
        elif self.lines:
            parts.append(f"columns (confidence {self.confidence:.0%}): {self.reason}")
        parts.append(f"header row: {'yes' if self.has_header else 'no'} ({self.header_reason})")
        return ". ".join(part[0].upper() + part[1:].rstrip(".") for part in parts) + "."

    @property
    def rows(self) -> list[list[str]]:
        """The values of the records by column; what does not fit is whole in the first."""
        width = len(self.names)
        return [[*record.values, *[""] * width][:width] for record in self.records]


class RecordsPreview(Model):
    """What the beginning of one file shows.

    Attributes:
        path: of the file, or of the first sheet in it.
        is_whole: false when only the first MiB or the first rows were read.
        notes: what the job would report of what was read.
        table: none if no table was found.
    """

    path: str
    is_whole: bool
    notes: list[str]
    table: PreviewTable | None
