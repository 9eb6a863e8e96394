"""What every layer may use: errors, settings, units, paths. Imports nothing else of Pravah."""
