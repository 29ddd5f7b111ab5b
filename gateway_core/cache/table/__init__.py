"""The answers by meaning, where they are kept and found."""
