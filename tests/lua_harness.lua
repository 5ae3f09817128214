-- Runs a menu script in what the free edition leaves of Lua; every call of Resolve goes to the stand-in as a line.
-- Out: text as JSON values, one a line. In: a line of Lua that gives the value. Arguments: script, "os" or "no-os".
local reading, writing = io.read, io.stdout
local loading = loadstring or load
local proxy

local function encoded(value)
  local kind = type(value)
  if value == nil then
    return "null"
  elseif kind == "boolean" then
    return tostring(value)
  elseif kind == "number" then
    return string.format(value == math.floor(value) and "%d" or "%.17g", value)
  elseif kind == "string" then
    return '{"text":"' .. value:gsub(".", function(c) return string.format("%02x", c:byte()) end) .. '"}'
  elseif kind == "table" then
    local mt = getmetatable(value)
    if mt and mt.id then
      return '{"object":' .. mt.id .. "}"
    end
    local out = {}
    for k, v in pairs(value) do
      out[#out + 1] = "[" .. encoded(k) .. "," .. encoded(v) .. "]"
    end
    return '{"table":[' .. table.concat(out, ",") .. "]}"
  end
  error("a " .. kind .. " cannot be given to Resolve")
end

local function asked(...)
  local out = {}
  for index = 1, select("#", ...) do
    out[index] = encoded((select(index, ...)))
  end
  writing:write("[" .. table.concat(out, ",") .. "]\n")
  writing:flush()
  local line = reading("*l")
  local chunk = assert(loading("local proxy, method = ... return " .. line))
  local object
  local function method(id, name)
    return function(self, ...)
      assert(getmetatable(self) and getmetatable(self).id == id, name .. " is called with a colon")
      return asked("call", id, name, ...)
    end
  end
  object = chunk(proxy, method)
  if type(object) == "table" and not getmetatable(object) and object.raised then
    error(object.raised, 0)
  end
  return object
end

proxy = function(id)
  return setmetatable({}, { id = id, __index = function(_, name) return asked("get", id, name) end })
end

local environment = {
  print = function(...)
    local out = {}
    for index = 1, select("#", ...) do
      out[index] = tostring((select(index, ...)))
    end
    asked("print", table.concat(out, "\t"))
  end,
  pairs = pairs, ipairs = ipairs, next = next, type = type, tostring = tostring, tonumber = tonumber,
  pcall = pcall, error = error, assert = assert, select = select, unpack = unpack,
  string = { byte = string.byte, char = string.char, find = string.find, format = string.format, gsub = string.gsub,
    gmatch = string.gmatch, len = string.len, lower = string.lower, match = string.match, rep = string.rep,
    sub = string.sub, upper = string.upper },
  table = { concat = table.concat, insert = table.insert, remove = table.remove, sort = table.sort },
  math = math,
  resolve = proxy(0),
}
if arg[2] == "os" then
  environment.os = { time = os.time, clock = os.clock, date = os.date }
end
setmetatable(environment, { __index = function(_, name)
  if name == "os" or name == "Resolve" then
    return nil
  end
  error("the script uses '" .. name .. "', which is not there", 2)
end, __newindex = function(_, name) error("the script sets the global '" .. name .. "'", 2) end })

local file = assert(io.open(arg[1], "rb"))
local text = file:read("*a")
file:close()
local chunk
if setfenv then
  chunk = setfenv(assert(loadstring(text, "=menu script")), environment)
else
  chunk = assert(load(text, "=menu script", "t", environment))
end
local fine, problem = pcall(chunk)
asked("end", fine, tostring(problem))
