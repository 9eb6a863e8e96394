"""Charts, one a file; each takes plain values and follows the theme."""
