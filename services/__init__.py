"""All of Pravah apart from the engine and the pages.

- ``bootstrap``: wires real things together; the only place that does
- ``settings``, ``errors``, ``units``: one model, one table, one way to write numbers
- ``operations``: the declarations that form, API, CLI and docs follow from
- ``jobs``: use-cases on a job, its rows, its worker
- ``schedules``, ``notifications``: jobs that start by the clock; who is told of a failure or a finding
- ``findings``: what of a result is one; ``loops``: the thread behind both
- ``sources``, ``storage``, ``artifacts``, ``results``: where data comes from, goes to, is read back
- ``engine``: the only importer of ``pravah_core``
- ``db``: connection, tables, migrations
- ``api``, ``cli``: two faces of the above; ``pages`` is the third
"""
