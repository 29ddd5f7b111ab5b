"""What was spent and saved: sums over any period, and where the day and the month are heading."""
