"""Reading results back: tables, pages, charts, exports; DuckDB over the Parquet shards."""

from services.results.compare import CompareService, Comparison
from services.results.query import Filter, ResultPage, ResultQuery, TableInfo, parse_filter, parse_sort
from services.results.removal import KeepRule, RemovalPreview
from services.results.service import ResultService

__all__ = [
    "CompareService",
    "Comparison",
    "Filter",
    "KeepRule",
    "RemovalPreview",
    "ResultPage",
    "ResultQuery",
    "ResultService",
    "TableInfo",
    "parse_filter",
    "parse_sort",
]
