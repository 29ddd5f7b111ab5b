"""How a request gets its answer: targets tried in turn, what each used counted, pieces held back, then sent on."""
