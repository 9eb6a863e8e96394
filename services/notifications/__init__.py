"""Sends messages about jobs of schedules: that one failed, or what it found.

- ``outbox``: rows of who is to be told, written with the end of the job in one transaction
- ``messenger``: the thread that sends them, at least once each
- ``webhooks``, ``mails``: the two roads
- ``calls``: what they have in common: a deadline, and how sending fails
"""
