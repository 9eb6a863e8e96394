"""The command line, ``pravah``.

``main`` puts the commands together; ``declared`` makes options from declarations; ``run`` and ``verify`` run jobs
in the foreground; ``jobs`` and ``results`` look at them; ``serve``, ``doctor`` and ``about`` are about Pravah itself.
Nothing heavy is imported before a command needs it: ``pravah --help`` must answer at once.
"""
