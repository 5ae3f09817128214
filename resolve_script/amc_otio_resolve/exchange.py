"""Timelines out of Resolve and in again, as OTIO."""

import datetime
import os
import re

from amc_otio_resolve.host import can
from amc_otio_resolve.problems import Problem
from amc_otio_resolve.settings import work_folder


def new_job(settings, name):
    """Make a folder for one run and return it."""
    plain = re.sub(r"[^\w\- ]+", "_", name).strip()[:60] or "timeline"
    stamp = datetime.datetime.now().strftime("%Y-%m-%d %H-%M-%S")
    base = os.path.join(work_folder(settings), "jobs", "{} {}".format(plain, stamp))
    folder, number = base, 2
    while os.path.exists(folder):
        folder, number = "{} {}".format(base, number), number + 1
    try:
        os.makedirs(folder)
    except OSError as error:
        raise Problem(
            "The folder {} cannot be made ({})".format(folder, error), "give another 'folder' in the settings"
        )
    return folder


def export(resolve, timeline, path):
    """Write a timeline as OTIO, and see that it is there."""
    if not can(resolve, "EXPORT_OTIO"):
        raise Problem(
            "This Resolve ({}) cannot write OTIO".format(resolve.GetVersionString()),
            "update to 18.5 or later, or export an FCP 7 XML by hand and use amc-otio on it",
        )
    said = timeline.Export(path, resolve.EXPORT_OTIO, resolve.EXPORT_NONE)
    if not said:
        raise Problem(
            "Resolve refused to export '{}'".format(timeline.GetName()),
            "see that {} can be written to, and try File > Export > Timeline as OTIO".format(os.path.dirname(path)),
        )
    if not os.path.isfile(path) or os.path.getsize(path) == 0:
        raise Problem(
            "Resolve said that it exported '{}', but wrote no file".format(timeline.GetName()),
            "see that {} can be written to, set another 'folder' in the settings, and try again".format(
                os.path.dirname(path)
            ),
        )


def import_timeline(host, path, name):
    """Import a file as a new timeline of a name that is free, with its media linked, and return the timeline."""
    if host.project.GetName() == "Untitled Project":
        raise Problem(
            "Resolve imports nothing into 'Untitled Project'",
            "save the project under a name, then start Match Cut - Apply again; the new timeline waits in " + path,
        )
    wanted = host.unique_name(name)
    options = {
        "timelineName": wanted,
        "importSourceClips": True,
        "sourceClipsFolders": [folder for _, folder in host.folders()],
    }
    before = {timeline.GetName() for timeline in host.timelines()}
    made = host.pool.ImportTimelineFromFile(path, options)
    if not made:
        made = host.timeline_named(wanted) if wanted not in before else None
    if not made:
        raise Problem(
            "Resolve made no timeline of {}".format(path),
            "import it by hand (File > Import > Timeline) and read what it says; often a clip's timecode in the media "
            "pool is not that of its file: set it back (Clip Attributes > Timecode) and export again",
        )
    return made


def offline_items(timeline):
    """Names of the items of a timeline that have no media, each once."""
    names = []
    for kind in ("video", "audio"):
        for index in range(1, int(timeline.GetTrackCount(kind)) + 1):
            for item in timeline.GetItemListInTrack(kind, index) or []:
                if item.GetMediaPoolItem() is None and item.GetName() not in names:
                    names.append(item.GetName())
    return names
