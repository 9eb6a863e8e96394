"""PostgreSQL: connection, tables, migrations."""
