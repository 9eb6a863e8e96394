"""PostgreSQL: the one folder with SQL, drivers and tables. `lint-imports` forbids the drivers everywhere else."""
