-- What is new in the dictionary, a page of it. Arguments: shards, nothing, the incarnation, generation
-- and length that are known, how many entries make a page, the stamp of the generation and the tag of
-- the last entry.
local problem = enter(tonumber(ARGV[1]), ARGV[2])
if problem then return problem end
if head == '' then return {0} end

-- Whether the server has another past than the one that is known, and not just forgot the changes.
local another_past = 0
local generation, stamp = cell(GENERATION), head:sub(STAMP * 8 + 1, STAMP * 8 + 8)
local missed = generation - tonumber(ARGV[4])
local function follows()
  if incarnation() ~= ARGV[3] then return false end
  local kept = call('LLEN', CHANGES)
  if missed > kept then return false end
  another_past = 1
  if missed < 0 then return false end
  if ARGV[4] ~= '0' then
    local last = stamp
    if missed > 0 then
      -- The stamp of the change before those that were missed may not be kept any more.
      if missed == kept then another_past = 0 return false end
      last = call('LINDEX', CHANGES, -missed - 1):sub(-8)
    end
    if last ~= ARGV[7] then return false end
  end
  return is_known(head:sub(GENERATION * 8 + 1, GENERATION * 8 + 16), ARGV[5], ARGV[8])
end
if not follows() then return {1, head, another_past} end

local changed = {}
if missed > 0 then
  local page = math.min(missed, 200)
  generation = generation - missed + page
  for _, what in ipairs(call('LRANGE', CHANGES, -missed, -missed + page - 1)) do
    local entry = what:sub(1, -9)
    stamp = what:sub(-8)
    changed[#changed + 1] = entry
    changed[#changed + 1] = entry:sub(1, 1) == 'e' and call('LINDEX', NAMES, entry:sub(2)) or ''
  end
end
local known = tonumber(ARGV[5])
local tail = call('LRANGE', NAMES, known, known + tonumber(ARGV[6]) - 1)
return {2, head, generation, changed, tail, stamp}
