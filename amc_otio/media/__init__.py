"""Media: where a file is, what it holds, its sound.

`locate` finds files, `probe` says what they hold, `decode` reads spans or all of the sound, `windows` cuts it into
seconds, `loudness` measures it, `wav` writes it. Nothing is imported here: the decoders' libraries take a while.
"""
