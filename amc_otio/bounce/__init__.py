"""The blended sound of a cut as a file beside the timeline, on a track of its own, in the place of what it replaces.

`run` is the way in; `spans` counts samples, `plan` says what each bounce plays and covers, `render` makes its sound,
`files` names it and puts it in its place together with the timeline.
"""
