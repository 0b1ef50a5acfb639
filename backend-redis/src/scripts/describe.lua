-- Drops families (D), frees entries (R) and describes families (C), five arguments each, behind what
-- `begin` wants. Answers for each description with the family's number or the identity that is there.
local refusal = begin()
if refusal then return refusal end
local answer, changes = {2}, {}
if #ARGV < 10 then return answer end
try_to_write()

local function describe(name, identity, details, replace)
  local value = struct.pack('>I4', #identity) .. identity .. details
  local old = call('HGET', FAMILIES, name)
  if old and old:sub(5, 8 + #identity) == value:sub(1, 4 + #identity) then
    if old:sub(5) ~= value then
      call('HSET', FAMILIES, name, old:sub(1, 4) .. value)
      put(VERSION, ARGV[2])
    end
    return (struct.unpack('>I4', old))
  end
  if old and replace ~= '1' then
    return old:sub(9, 8 + struct.unpack('>I4', old, 5))
  end
  local id = cell(NEXT_FAMILY)
  call('HSET', FAMILIES, name, struct.pack('>I4', id) .. value)
  put(NEXT_FAMILY, id + 1)
  put(VERSION, ARGV[2])
  if old then
    changes[#changes + 1] = 'f' .. struct.unpack('>I4', old)
  else
    changes[#changes + 1] = 'n' .. id
    put(FAMILY_COUNT, cell(FAMILY_COUNT) + 1)
  end
  return id
end

for a = 10, #ARGV, 5 do
  local what = ARGV[a]
  if what == 'D' then
    local old = call('HGET', FAMILIES, ARGV[a + 1])
    if old then
      call('HDEL', FAMILIES, ARGV[a + 1])
      put(FAMILY_COUNT, cell(FAMILY_COUNT) - 1)
      put(VERSION, ARGV[2])
      changes[#changes + 1] = 'f' .. struct.unpack('>I4', old)
    end
  elseif what == 'R' then
    call('LSET', NAMES, ARGV[a + 1], ARGV[a + 2])
    changes[#changes + 1] = 'e' .. ARGV[a + 1]
  else
    answer[#answer + 1] = describe(ARGV[a + 1], ARGV[a + 2], ARGV[a + 3], ARGV[a + 4])
  end
end
log(changes, ARGV[2])
return answer
