"""The use-cases on a job: its request, its rows, its runner."""
