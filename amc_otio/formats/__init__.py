"""The formats that a timeline is written to: what each needs so that a crossfade survives, and what it keeps."""
