"""PostgreSQL: the connection, the tables, and every query. The only folder that imports SQLAlchemy."""
