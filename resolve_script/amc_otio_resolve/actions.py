"""What the menu entries do."""

import os

from amc_otio_resolve import command, compare, crossfades, exchange, gallery, marks
from amc_otio_resolve import settings as choices
from amc_otio_resolve.host import Host, find_resolve
from amc_otio_resolve.problems import Problem, Stopped
from amc_otio_resolve.talk import Console, talker

EDIT, PROPOSALS, RESULT = "timeline.otio", "proposals.json", "match cut.otio"
DECISIONS = "proposals.decisions.json"


def main(action, names, record):
    """Run a menu entry: propose, apply, in_one_go or clear. Every problem is told, none is raised."""
    title = {
        "propose": "Propose match cuts",
        "apply": "Apply match cuts",
        "in_one_go": "Match cut",
        "clear": "Clear match cut markers",
    }[action]
    talk = Console()
    try:
        talk = talker(names)
        host = Host(find_resolve(names))
        lines = {"propose": propose, "apply": apply, "in_one_go": in_one_go, "clear": clear}[action](
            host, talk, record, title
        )
    except Problem as problem:
        lines = [str(problem)]
    except Stopped:
        lines = ["Stopped. What was indexed so far is kept."]
    except Exception as error:
        if os.environ.get("AMC_DEBUG"):
            raise
        lines = [
            "A fault of ours or of Resolve's: {}: {}. What to do: set AMC_DEBUG=1, start Resolve from a terminal and "
            "report what the console prints.".format(type(error).__name__, error)
        ]
    finally:
        talk.end()
    if lines:
        talk.tell(title, lines)


def propose(host, talk, record, title):
    """Propose, and put a marker on every edit point that has a candidate."""
    settings = talk.ask(choices.load_settings(), title)
    if settings is None:
        return []
    tool = _tool(record)
    proposals, path, lines = _proposed(host, talk, tool, settings, title)
    placed, taken = marks.place(host.timeline, settings["result_color"], path, proposals)
    lines.append("{} marker(s) placed".format(placed))
    if taken:
        lines.append("no marker at {}: another one is there, or Resolve refused".format(", ".join(taken)))
    for number, proposal in enumerate(proposals["proposals"], 1):
        best = proposal["candidates"][:1]
        what = best[0]["media"]["name"] if best else "nothing: {}".format(proposal["refusal"])
        lines.append("{}. {}: {}".format(number, proposal["point"]["timecode"], what))
    lines.append("proposals: " + path)
    if command.knows(tool, "audition"):
        log, ended = command.start(tool + ["audition", path], os.path.dirname(path))
        if ended is None:
            lines.append("the audition page was started; what it says is in " + log)
        else:
            lines.append("the audition page did not start: " + ended)
    lines.append("Match Cut - Apply takes the best of each, or what was chosen, into a new timeline")
    return lines


def _proposed(host, talk, tool, settings, title):
    folder = exchange.new_job(settings, host.timeline.GetName())
    edit, path = os.path.join(folder, EDIT), os.path.join(folder, PROPOSALS)
    options = marks.selection(host.timeline, settings)
    listed, lines = gallery.write_list(host, settings, folder)
    exchange.export(host.resolve, host.timeline, edit)
    call = tool + ["propose", edit, "-o", path, "--json", "--progress"]
    call += ["--library", os.path.join(choices.work_folder(settings), "library")]
    call += ["-k", str(settings["k"]), "--mode", settings["mode"]] + options
    # Resolve counts whole frames, and the transitions that it can make itself are centred on the cut.
    call += ["--offsets", "frames"]
    if settings["representation"]:
        call += ["--representation", settings["representation"]]
    if listed is not None:
        call += ["--gallery-list", listed]
    talk.start(title, folder)
    proposals, remarks = command.run(call, folder, talk.progress)
    talk.end()
    return proposals, path, lines + remarks


def apply(host, talk, record, title):
    """Cut what was chosen, or the best of each, into a new timeline."""
    settings = choices.load_settings()
    path = marks.newest_proposals(host.timeline)
    if path is None:
        raise Problem("This timeline has no marker of Match Cut", "start Match Cut - Propose first")
    edit = os.path.join(os.path.dirname(path), EDIT)
    for needed in (path, edit):
        if not os.path.isfile(needed):
            raise Problem("{} is gone".format(needed), "start Match Cut - Propose again")
    now = os.path.join(exchange.new_job(settings, host.timeline.GetName()), EDIT)
    exchange.export(host.resolve, host.timeline, now)
    if not compare.same_edit(compare.read(edit), compare.read(now)):
        raise Problem("The timeline was changed after the proposals were made", "start Match Cut - Propose again")
    return _applied(host, talk, _tool(record), path, edit, os.path.dirname(now), title)


def _applied(host, talk, tool, path, edit, folder, title):
    output = os.path.join(folder, RESULT)
    call = tool + ["apply", edit, path, "-o", output, "--json", "--progress"]
    chosen, lines = _decided(path)
    call += chosen
    talk.start(title, folder)
    written, remarks = command.run(call, folder, talk.progress)
    talk.end()
    lines += ["{timecode}: {outgoing} -> {summary}".format(**change) for change in written["changes"]] + remarks
    original = host.timeline.GetName()
    made = exchange.import_timeline(host, output, original + " match cut")
    lines.insert(0, "new timeline: {} ('{}' is as it was)".format(made.GetName(), original))
    return lines + _checked(host, made, output, folder)


def _decided(path):
    """The decisions file beside the proposals, where there is one; amc-otio reads it and says what is wrong."""
    decisions = os.path.join(os.path.dirname(path), DECISIONS)
    if not os.path.isfile(decisions):
        return [], ["the best candidate of each edit point was taken"]
    return ["--decisions", decisions], ["chosen by " + decisions]


def _checked(host, made, output, folder):
    """Export the new timeline again and say what Resolve changed."""
    again = os.path.join(folder, "as imported.otio")
    exchange.export(host.resolve, made, again)
    found = compare.differences(compare.read(output), compare.read(again))
    lost = [difference.lost_fade for difference in found if difference.lost_fade]
    lines = []
    if lost:
        restored = crossfades.restore(made, lost)
        if restored:
            exchange.export(host.resolve, made, again)
            found = compare.differences(compare.read(output), compare.read(again))
            lines.append("{} crossfade(s) were lost on import and put back".format(restored))
    lines += ["Resolve changed: " + difference.text for difference in found]
    if not found:
        lines.append("checked: cuts and crossfades are as they were written")
    offline = exchange.offline_items(made)
    if offline:
        lines.append("offline: {}. Relink them in the media pool (Relink Selected Clips)".format(", ".join(offline)))
    return lines


def in_one_go(host, talk, record, title):
    """Propose and apply the best of each, in one go."""
    settings = talk.ask(choices.load_settings(), title)
    if settings is None:
        return []
    tool = _tool(record)
    _, path, lines = _proposed(host, talk, tool, settings, title)
    folder = os.path.dirname(path)
    return _applied(host, talk, tool, path, os.path.join(folder, EDIT), folder, title) + lines


def clear(host, talk, record, title):
    """Remove our markers from the timeline."""
    return ["{} marker(s) of Match Cut removed from '{}'".format(marks.remove(host.timeline), host.timeline.GetName())]


def _tool(record):
    tool = command.find_command(record)
    command.check_version(tool)
    return tool
