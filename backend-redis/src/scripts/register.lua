-- Enters names into the dictionary. Behind what `begin` wants: the length of the dictionary that is
-- known, then five arguments for each name: the free entry to be used again and its first cell, or
-- nothing twice; how many cells, what stands before the name, and the name, which its kind begins.
-- Answers with what is new at the end of the dictionary.
local refusal = begin()
if refusal then return refusal end
local known, length = tonumber(ARGV[8]), cell(LENGTH)
if length - known > 1000 then return {3} end
try_to_write()

local there = {}
for _, entry in ipairs(call('LRANGE', NAMES, known, -1)) do
  there[entry:sub(1, 1) .. entry:sub(7 + entry:byte(6))] = true
end

local function entry(first, before, name)
  return name:sub(1, 1) .. struct.pack('>I4', first) .. string.char(#before) .. before .. name:sub(2)
end

local new, changes, free = {}, {}, cell(FREE)
for a = 9, #ARGV, 5 do
  local again, first, cells, before, name = unpack(ARGV, a, a + 4)
  if there[name] then
    -- somebody was faster
  elseif again ~= '' then
    call('SETRANGE', CELLS, tonumber(first) * 8, string.rep(ZERO, tonumber(cells)))
    call('LSET', NAMES, again, entry(tonumber(first), before, name))
    changes[#changes + 1] = 'e' .. again
  else
    new[#new + 1] = entry(free, before, name)
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
log(changes)
return {2, call('LRANGE', NAMES, known, -1)}
