"""Differences between two results of one operation: a plan for each operation that can be compared."""
