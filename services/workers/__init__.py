"""Threads that work in the background: they run jobs and splits, start schedules, send notifications and sweep."""
