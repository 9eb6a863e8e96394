"""What users can do, one service a subject: the dashboard, the API and the command line call these."""
