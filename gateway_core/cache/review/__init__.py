"""Looks at what the semantic cache serves, and what it does not dare to: pairs, the judge, measured error, the dial."""
