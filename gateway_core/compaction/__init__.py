"""Context compaction: a long conversation made to fit a model, by rule, marked, and never what is being worked on."""
