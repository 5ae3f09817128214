"""A crossfade that an import lost, put in by Resolve itself: Studio from 21.1 has a call for it."""

from amc_otio_resolve.host import can


def restore(timeline, lost):
    """Put crossfades back; return how many.

    Parameters
    ----------
    lost
        What `compare.Difference.lost_fade` says. Resolve aligns a transition left, centre or right of a cut only, so
        a fade that is none of these comes back centred.
    """
    restored = 0
    for kind, track, index, before, after in lost:
        items = timeline.GetItemListInTrack(kind, track) or []
        if kind != "audio" or index >= len(items) or not can(items[index], "AddTransition"):
            continue
        alignment = "left" if after == 0 else "right" if before == 0 else "center"
        made = items[index].AddTransition(
            {
                "type": "Cross Fade 0 dB",
                "category": "audio",
                "position": "end",
                "alignment": alignment,
                "duration": before + after,
            }
        )
        restored += made is not None and made is not False
    return restored
