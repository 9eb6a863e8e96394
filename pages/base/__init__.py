"""What every part of a page may use; imports nothing else of the dashboard."""
