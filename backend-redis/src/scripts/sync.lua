-- What is new in the dictionary, a page of it. Arguments: shards, nothing, the incarnation, generation
-- and length that are known, and how many entries make a page.
local problem = enter(tonumber(ARGV[1]), ARGV[2])
if problem then return problem end
if head == '' then return {0} end
local missed = cell(GENERATION) - tonumber(ARGV[4])
if incarnation() ~= ARGV[3] or missed < 0 or missed > call('LLEN', CHANGES) then return {1, head} end

local changed, generation = {}, cell(GENERATION)
if missed > 0 then
  local page = math.min(missed, 200)
  generation = generation - missed + page
  for _, what in ipairs(call('LRANGE', CHANGES, -missed, -missed + page - 1)) do
    changed[#changed + 1] = what
    changed[#changed + 1] = what:sub(1, 1) == 'e' and call('LINDEX', NAMES, what:sub(2)) or ''
  end
end
local known = tonumber(ARGV[5])
local tail = call('LRANGE', NAMES, known, known + tonumber(ARGV[6]) - 1)
return {2, head, generation, changed, tail}
