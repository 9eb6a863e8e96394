"""What jobs, schedules, results and sweeps are: frozen models, their statuses, and pure functions on them."""
