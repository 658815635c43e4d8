"""For developers only: nothing here is installed."""
