"""How good a representation is: retrieval metrics over labelled sets, with intervals (paper, section 3.1).

`evaluate.evaluate_set` is the way in; `labelled_set` reads sets, `protocols` says what is ranked, `metrics` and
`intervals` score it, `report` holds what came of it, and `markdown` and `plot` show it.

And how a join sounds (section 3.3): `transitions.judge` is the way in; `seam` measures, `seam_score` compares with the
uncut sound, `seam_pairs` and `seam_gaps` make what is joined. Nothing is imported here.
"""
