-- Enters names into the dictionary. Behind what `begin` wants six arguments for each name: the free entry
-- to be used again, its first cell and its tag, or nothing three times; how many cells, what stands
-- before the name, and the name, which its kind begins.
-- Answers with what is new at the end of the dictionary.
local refusal = begin()
if refusal then return refusal end
local known, length = tonumber(ARGV[8]), cell(LENGTH)
if length - known > 1000 then return {3} end
try_to_write()

local there = {}
for _, entry in ipairs(call('LRANGE', NAMES, known, -1)) do
  there[entry:sub(1, 1) .. entry:sub(11 + entry:byte(10))] = true
end

local function entry(first, tag, before, name)
  return name:sub(1, 1) .. struct.pack('>I4', first) .. tag .. string.char(#before) .. before .. name:sub(2)
end

local new, changes, free = {}, {}, cell(FREE)
for a = 10, #ARGV, 6 do
  local again, first, tag, cells, before, name = unpack(ARGV, a, a + 5)
  if there[name] then
    -- somebody was faster
  elseif again ~= '' then
    call('SETRANGE', CELLS, tonumber(first) * 8, string.rep(ZERO, tonumber(cells)))
    call('LSET', NAMES, again, entry(tonumber(first), tag, before, name))
    changes[#changes + 1] = 'e' .. again
  else
    new[#new + 1] = entry(free, ARGV[2]:sub(5), before, name)
    free = free + tonumber(cells)
  end
end
if #new > 0 then
  local from = cell(FREE)
  call('SETRANGE', CELLS, from * 8, string.rep(ZERO, free - from))
  call('RPUSH', NAMES, unpack(new))
  put(FREE, free)
  put(LENGTH, length + #new)
end
log(changes, ARGV[2])
return {2, call('LRANGE', NAMES, known, -1)}
