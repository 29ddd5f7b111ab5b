"""The router's learning: what the user shows of each answer becomes a label, and labels become a head."""
