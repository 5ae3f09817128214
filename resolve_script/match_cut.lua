-- Match cuts in DaVinci Resolve's free edition. Put into the menu by: amc-otio resolve install
-- Editors: docs/resolve-free.md. Do not edit the copy in the menu: what can be set is in a marker's note.
--
-- From 21.1 the free edition runs Lua only, without io, os.execute or require. So this script reads and writes nothing
-- but through two calls of Resolve: Timeline:Export and MediaPool:ImportTimelineFromFile. What is to be done stands
-- in the exported file's name; the result is looked for under a name that follows from it (amc_otio/resolve/exchange.py).
-- Plain Lua 5.1, which LuaJIT and Lua 5.4 run too; only documented calls of Resolve (its scripting README).

local EXCHANGE = ""
local ACTION = ""

local SENT = "Match Cut: sent"  -- name of the marker that remembers a job
local CUSTOM = "amc-otio:job:"  -- its custom data, with the job behind
local OPTIONS = "match cut"     -- name of the marker whose note holds options
local OURS = "amc-otio:"        -- names of markers in results begin so
local MODES = { replace = true, align = true, insert = true }
local LONGEST = 120             -- characters of times in a file's name

local function say(text)
  print("Match Cut: " .. text)
end

local function path_of(...)
  local separator = "/"
  if EXCHANGE:find("\\", 1, true) and not EXCHANGE:find("/", 1, true) then
    separator = "\\"
  end
  return table.concat({ EXCHANGE, ... }, separator)
end

-- The value of a call, or nil where Resolve has no such call or it fails.
local function ask(object, name, ...)
  local method = object and object[name]
  if not method then
    return nil
  end
  local fine, value = pcall(method, object, ...)
  if fine then
    return value
  end
  return nil
end

local function whole(number)
  return string.format("%d", math.floor(number + 0.5))
end

local function plural(count, word)
  return whole(count) .. " " .. word .. (count == 1 and "" or "s")
end

-- Two sums of all bytes, 16 hexadecimal digits: enough to tell jobs apart, no secret.
local function job_of(text)
  local first, second = 5381, 1315423
  for index = 1, #text do
    local byte = text:byte(index)
    first = (first * 33 + byte) % 4294967296
    second = (second * 131 + byte) % 4294967296
  end
  return string.format("%08x%08x", first, second)
end

-- What of a timeline's name can stand in any file system.
local function plain(name)
  local text = name:gsub("[^A-Za-z0-9_-]+", "_"):sub(1, 40)
  if text == "" then
    return "timeline"
  end
  return text
end

-- At most so many bytes, and no half character at the end.
local function shortened(text, bytes)
  if #text <= bytes then
    return text
  end
  while bytes > 0 do
    local after = text:byte(bytes + 1)
    if after < 128 or after >= 192 then
      break
    end
    bytes = bytes - 1
  end
  return text:sub(1, bytes)
end

-- Markers in their order: frame from the start, and what is known of each.
local function markers_of(timeline)
  local found = {}
  for frame, marker in pairs(ask(timeline, "GetMarkers") or {}) do
    found[#found + 1] = {
      frame = tonumber(frame) or 0,
      name = tostring(marker.name or ""),
      note = tostring(marker.note or ""),
      color = tostring(marker.color or ""),
      custom = tostring(marker.customData or ""),
    }
  end
  table.sort(found, function(a, b) return a.frame < b.frame end)
  return found
end

local function starts_with(text, beginning)
  return text:sub(1, #beginning) == beginning
end

-- Clips on audio tracks, and how many of them have no media in the pool.
local function audio_clips(timeline)
  local count, without = 0, 0
  for track = 1, ask(timeline, "GetTrackCount", "audio") or 0 do
    for _, item in pairs(ask(timeline, "GetItemListInTrack", "audio", track) or {}) do
      count = count + 1
      if not ask(item, "GetMediaPoolItem") then
        without = without + 1
      end
    end
  end
  return count, without
end

local function length_of(timeline)
  return (ask(timeline, "GetEndFrame") or 0) - (ask(timeline, "GetStartFrame") or 0)
end

-- Options from the note of a marker named "Match Cut": mode=insert colour=Green
local function options_of(markers)
  local mode, color
  for _, marker in ipairs(markers) do
    if marker.name:lower() == OPTIONS then
      mode = marker.note:lower():match("mode%s*[=:]%s*(%a+)") or mode
      color = marker.note:lower():match("colou?r%s*[=:]%s*(%a+)") or color
    end
  end
  return mode, color
end

---------------------------------------------------------------------------------------------------- which edit points

local function at_playhead(timeline)
  local timecode = ask(timeline, "GetCurrentTimecode") or ""
  local hours, minutes, seconds, mark, frames = timecode:match("^(%d%d)[:;](%d%d)[:;](%d%d)([:;.,])(%d%d)$")
  if not hours then
    return nil, "Resolve does not say where the playhead is ('" .. timecode .. "'); open the Edit page and try again"
  end
  local kind = mark == ":" and "tc-" or "tcd-"
  return kind .. table.concat({ hours, minutes, seconds, frames }, "-")
end

local function in_to_out(timeline)
  local marks = ask(timeline, "GetMarkInOut")
  local side = type(marks) == "table" and (marks.audio or marks.video) or {}
  local first, last = side["in"], side["out"]
  if not first or not last then
    return nil, "set an in and an out point on the timeline first (I and O)"
  end
  -- The scripting README does not say from where they count; beyond the length they can only be from the start frame.
  local start = ask(timeline, "GetStartFrame") or 0
  if start > 0 and first >= start and last > length_of(timeline) then
    first, last = first - start, last - start
  end
  return "range-" .. whole(first) .. "-" .. whole(last)
end

local function at_markers(markers, color)
  local frames = {}
  for _, marker in ipairs(markers) do
    local ours = marker.name == SENT or starts_with(marker.name, OURS) or marker.name:lower() == OPTIONS
    if not ours and marker.frame >= 0 and (not color or marker.color:lower() == color) then
      frames[#frames + 1] = whole(marker.frame)
    end
  end
  if #frames == 0 then
    return nil, "the timeline has no " .. (color and color .. " " or "") .. "marker; put one on each cut to match"
  end
  local text = "at-" .. table.concat(frames, "_")
  if #text > LONGEST then
    return nil, "these are too many markers for one job (" .. #frames .. "); use one colour of them (a marker named "
      .. "'Match Cut' with the note colour=Green), in and out points, or Match Cut - Send All"
  end
  return text
end

------------------------------------------------------------------------------------------------------------- the ways

local function send(resolve, project, timeline, what)
  local markers = markers_of(timeline)
  local mode, color = options_of(markers)
  if mode and not MODES[mode] then
    say("mode=" .. mode .. " in the marker named 'Match Cut' is not known; write replace, align or insert")
    return
  end
  local where, problem
  if what == "playhead" then
    where, problem = at_playhead(timeline)
  elseif what == "in-out" then
    where, problem = in_to_out(timeline)
  elseif what == "markers" then
    where, problem = at_markers(markers, color)
  else
    where = "all"
  end
  if not where then
    say(problem)
    return
  end
  if not resolve.EXPORT_OTIO then
    say("this Resolve cannot export OpenTimelineIO; 18.5 and later can")
    return
  end
  local count, without = audio_clips(timeline)
  if count == 0 then
    say("the timeline has no clip on an audio track, so there is no sound to match")
    return
  end
  if without > 0 then
    say(plural(without, "audio clip") .. " of " .. whole(count) .. " are offline or have no media; no match is cut there")
  end
  local clock = ""
  if os and os.time then
    clock = tostring(os.time())
  end
  local name = tostring(ask(timeline, "GetName") or "")
  local job = job_of(table.concat({
    tostring(ask(project, "GetUniqueId")), tostring(ask(timeline, "GetUniqueId")), name, clock, tostring({}), where,
    tostring(ask(timeline, "GetCurrentTimecode")), tostring(#markers), tostring(ask(project, "GetTimelineCount")),
  }, "|"))
  local file = table.concat({ "amc1", job, where, mode or "default", plain(name), "otio" }, ".")
  local path = path_of("requests", file)
  if not ask(timeline, "Export", path, resolve.EXPORT_OTIO, resolve.EXPORT_NONE) then
    say("Resolve could not export the timeline to " .. path .. "; run 'amc-otio resolve install' again, which makes "
      .. "that folder, and look whether the disk is full")
    return
  end
  -- The job is remembered by the timeline itself: the first free frame takes a marker.
  local taken = {}
  for _, marker in ipairs(markers) do
    taken[whole(marker.frame)] = true
  end
  local remembered = false
  local last = math.min(math.max(length_of(timeline), 1), 500) - 1
  for frame = 0, last do
    if not taken[whole(frame)] then
      remembered = ask(timeline, "AddMarker", frame, "Sky", SENT, "Click Match Cut - Bring Back", 1, CUSTOM .. job)
      if remembered then
        break
      end
    end
  end
  say("sent '" .. shortened(name, 80) .. "' (" .. where .. ", " .. (mode or "default mode") .. ")")
  if remembered then
    say("now click Match Cut - Bring Back, once 'amc-otio resolve watch' says that it is done")
  else
    say("but no marker could be set on the timeline, so Bring Back will not find the job; import the result by hand "
      .. "when it is there (File > Import > Timeline): " .. path_of("results", "amc1." .. job .. ".otio"))
  end
end

local function names_of(project)
  local names = {}
  for index = 1, ask(project, "GetTimelineCount") or 0 do
    local timeline = ask(project, "GetTimelineByIndex", index)
    if timeline then
      names[tostring(ask(timeline, "GetName") or "")] = timeline
    end
  end
  return names
end

local function free_name(project, name)
  local names = names_of(project)
  local wanted = shortened(name, 80) .. " match cut"
  local number, new = 1, wanted
  while names[new] do
    number = number + 1
    new = wanted .. " " .. whole(number)
  end
  return new
end

-- The imported timeline, also where Resolve makes one and does not return it.
local function import(project, pool, path, options)
  local before = ask(project, "GetTimelineCount") or 0
  local timeline = ask(pool, "ImportTimelineFromFile", path, options)
  if timeline then
    return timeline
  end
  if options.timelineName and (ask(project, "GetTimelineCount") or 0) > before then
    return names_of(project)[options.timelineName]
  end
  return nil
end

local function what_it_says(timeline)
  for _, marker in ipairs(markers_of(timeline)) do
    if starts_with(marker.name, OURS) then
      return marker.name:sub(#OURS + 2), marker.note
    end
  end
  return nil, ""
end

local function tell_of_result(timeline, new, name)
  local count, without = audio_clips(new)
  local summary = what_it_says(new)
  say("made the timeline '" .. name .. "'" .. (summary and ": " .. summary or ""))
  local expected = summary and tonumber(summary:match("(%d+) audio clips"))
  if expected and expected ~= count then
    say("but Resolve took " .. plural(count, "audio clip") .. " of " .. whole(expected) .. ": compare it with the old one")
  elseif count == 0 then
    say("but it has no audio clip: Resolve did not take it whole; delete it, and send again")
  end
  if without > 0 then
    say("but " .. plural(without, "audio clip") .. " came in offline: in the media pool, choose Relink Selected Clips")
  end
  local longer = length_of(new) - length_of(timeline)
  if longer ~= 0 then
    say("it is " .. plural(math.abs(longer), "frame") .. (longer > 0 and " longer" or " shorter") .. " than the old one")
  end
end

local function tell_of_failure(pool, failed, job)
  local summary, reason = what_it_says(failed)
  local name = tostring(ask(failed, "GetName") or "")
  if not summary or reason == "" then
    -- Where Resolve drops markers, the name says it too.
    reason = name:match("^amc%-otio %x+: (.+)$") or ("see " .. path_of("results", "amc1." .. job .. ".json"))
  end
  say("no match cut was made: " .. reason)
  if not ask(pool, "DeleteTimelines", { failed }) then
    say("the timeline '" .. shortened(name, 80) .. "' only says so: delete it")
  end
end

local function bring_back(project, timeline)
  local pool = ask(project, "GetMediaPool")
  local name = tostring(ask(timeline, "GetName") or "")
  local jobs = {}
  for _, marker in ipairs(markers_of(timeline)) do
    local job = starts_with(marker.custom, CUSTOM) and marker.custom:sub(#CUSTOM + 1):match("^%x+$")
    if job and #job == 16 then
      jobs[#jobs + 1] = job
    end
  end
  if #jobs == 0 then
    say("nothing was sent from '" .. shortened(name, 80) .. "'; open the timeline that was, or click Match Cut - Send first")
    return
  end
  local made
  for _, job in ipairs(jobs) do
    local path = path_of("results", "amc1." .. job .. ".otio")
    local new_name = free_name(project, name)
    local new = import(project, pool, path, { timelineName = new_name, importSourceClips = true })
    local failed
    if new then
      made = new
      tell_of_result(timeline, new, tostring(ask(new, "GetName") or new_name))
    else
      failed = import(project, pool, path_of("results", "amc1." .. job .. ".failed.otio"), { importSourceClips = false })
      if failed then
        tell_of_failure(pool, failed, job)
      end
    end
    if new or failed then
      ask(timeline, "DeleteMarkerByCustomData", CUSTOM .. job)
    else
      say("no result could be imported for what was sent.")
      say("1. Is it being worked on? Start in a terminal: amc-otio resolve watch. Then click Bring Back again.")
      say("2. Did Resolve export anything? A file whose name begins with amc1." .. job .. " must be in "
        .. path_of("requests") .. "; if none is there, click Match Cut - Send again.")
      say("3. Is " .. path .. " there? Then Resolve refused it: import it by hand (File > Import > Timeline) to see why.")
    end
  end
  -- What was only looked at must not leave another timeline open.
  ask(project, "SetCurrentTimeline", made or timeline)
end

local function main()
  local resolve = resolve or (Resolve and Resolve())
  local project = ask(ask(resolve, "GetProjectManager"), "GetCurrentProject")
  if not project then
    say("open a project first")
    return
  end
  if ask(project, "GetName") == "Untitled Project" then
    say("save the project under a name first: Resolve imports no timeline into 'Untitled Project'")
    return
  end
  local timeline = ask(project, "GetCurrentTimeline")
  if not timeline then
    say("open a timeline first")
    return
  end
  if EXCHANGE == "" then
    say("this script was not installed; run: amc-otio resolve install")
    return
  end
  if ACTION == "bring back" then
    bring_back(project, timeline)
  else
    send(resolve, project, timeline, ACTION)
  end
end

main()
