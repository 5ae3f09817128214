"""Small descriptors that an editor can read: timbre, pitch, rhythm and level of a second of sound.

`describe` measures, `agreement` compares, `words` says it. They explain a match and can re-rank matches
(docs/ranking.md); they are no representation: nothing is searched by them.
"""
