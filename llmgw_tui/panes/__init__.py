"""What each pane shows: pure functions from a snapshot to lines."""
