"""Whole-path timings against other tools; `make bench`. Not tests: nothing here asserts a time."""
