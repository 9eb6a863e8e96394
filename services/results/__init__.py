"""Reading results back: tables, pages, charts, exports, comparisons; DuckDB over the Parquet shards."""
