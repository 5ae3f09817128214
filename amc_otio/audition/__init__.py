"""The page on which an editor listens, compares and decides (docs/audition.md).

    proposals file -> told.py (what the page shows) -> page/ (in the browser) -> decisions file -> a new timeline
                      segments.py -> sound.py, pictures.py, moving.py, joins.py (what it plays and draws)

Two ways to the same page: `serving` keeps a local server that renders on demand and writes decisions as they are made;
`export` puts everything into one file that gives back decisions.
"""
