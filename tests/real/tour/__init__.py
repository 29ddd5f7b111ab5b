"""The parts of the tour through the control centre in a real terminal."""
