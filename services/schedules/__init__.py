"""Jobs that start by the clock.

- ``models``: what a schedule is, to everybody who is not its row
- ``times``: when a rule is due next, and the rule in words
- ``service``, ``repository``: the use-cases on a schedule, its rows
- ``scheduler``: the thread that starts what is due
"""
