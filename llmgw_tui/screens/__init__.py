"""The screens over the dashboard: detail, help, and the questions."""
