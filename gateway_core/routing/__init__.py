"""The router: what is the cheapest place that will answer this well?"""
