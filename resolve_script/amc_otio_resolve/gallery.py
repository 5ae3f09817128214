"""Files in which matches are looked for, from the clips of the media pool."""

import os

from amc_otio_resolve.host import can
from amc_otio_resolve.problems import Problem


def clips_of(host, settings):
    """The clips that the settings choose; None is the timeline's own media."""
    choice = settings["gallery"]
    if choice == "timeline":
        return None
    if choice == "selected":
        if not can(host.pool, "GetSelectedClips"):
            raise Problem("This Resolve does not tell which clips are selected", "choose bins or the media pool")
        clips = host.pool.GetSelectedClips() or []
        if not clips:
            raise Problem("No clip is selected in the media pool", "select clips there, or choose bins")
        return clips
    folders = host.folders()
    if choice == "bins":
        wanted = {name.strip() for name in settings["bins"] if name.strip()}
        chosen = [(path, folder) for path, folder in folders if path in wanted or folder.GetName() in wanted]
        missing = wanted - {path for path, _ in chosen} - {folder.GetName() for _, folder in chosen}
        if missing or not wanted:
            known = ", ".join(path for path, _ in folders)
            what = "There is no bin " + ", ".join(sorted(missing)) if missing else "No bin is named"
            raise Problem(what, "name some of: " + known)
        folders = chosen
    return [clip for _, folder in folders for clip in folder.GetClipList() or []]


def files_of(clips):
    """Return the files of clips, and what was left out and why, as counts by reason."""
    files, left_out = [], {}
    for clip in clips:
        path, reason = clip.GetClipProperty("File Path"), None
        kind = str(clip.GetClipProperty("Type") or "")
        if not path:
            low = kind.lower()
            reason = next((w for w in ("timeline", "compound", "multicam", "fusion") if w in low), "without a file")
        elif "\n" in path or "\r" in path:
            reason = "with a line break in the path"
        elif "[" in os.path.basename(path) and not os.path.isfile(path):
            reason = "image sequence"
        elif not os.path.isfile(path):
            reason = "offline"
        elif kind.lower() == "still":
            reason = "still"
        if reason is None:
            if path not in files:
                files.append(path)
        else:
            left_out[reason] = left_out.get(reason, 0) + 1
    return files, left_out


def write_list(host, settings, folder):
    """Write the list for --gallery-list; return its path (None: the timeline's own media) and remarks."""
    clips = clips_of(host, settings)
    if clips is None:
        return None, []
    files, left_out = files_of(clips)
    remarks = ["left out of the gallery: {} {}".format(count, reason) for reason, count in sorted(left_out.items())]
    if not files:
        raise Problem(
            "No clip of the gallery has a file with sound that is there ({})".format("; ".join(remarks)),
            "choose other bins, or relink the media",
        )
    path = os.path.join(folder, "gallery.txt")
    with open(path, "w", encoding="utf-8") as stream:
        stream.write("".join(file + "\n" for file in files))
    return path, remarks
