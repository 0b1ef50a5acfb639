-- In front of every script. LAYOUT.md says what the keys and the cells of the header are.
local CELLS, NAMES, FAMILIES, NOTES, CLIENTS, OWNERS, CHANGES, SPARE, KEPT, LIVE = unpack(KEYS)
local MAGIC, HEADER = 'pytheus\1', 128
local LENGTH, FREE, GENERATION, STAMP, FAMILY_COUNT, NEXT_FAMILY = 2, 3, 4, 5, 6, 7
local NOTE_COUNT, CLIENT_COUNT, OWNER_COUNT, VERSION, SHARDS, SWEPT = 8, 9, 10, 11, 12, 13
local ZERO, UNUSED = string.rep('\0', 8), string.rep('\255', 8)
local call = redis.call
local head = ''
local number, record = ZERO, nil

local function pack(n) return struct.pack('>I8', n) end
local function cell(i) return (struct.unpack('>I8', head, i * 8 + 1)) end
local function incarnation() return head:sub(9, 16) end

local function put(i, n)
  local bytes = type(n) == 'string' and n or pack(n)
  call('SETRANGE', CELLS, i * 8, bytes)
  head = head:sub(1, i * 8) .. bytes .. head:sub(i * 8 + 9)
end

-- Whether nothing may be written, before anything is.
local function try_to_write() call('SETRANGE', CELLS, 0, '') end

local function failed(command, key, reply)
  local code, text = string.match(reply.err, '^%-?(%S+)%s*(.*)$')
  return {err = code .. ' ' .. command .. ' on "' .. key .. '": ' .. text}
end

-- The names of what belongs to a client.
local function of_client(what, id) return CELLS:sub(1, -6) .. what .. ':' .. id end

-- Whether the first of what a key holds is something that these scripts wrote.
local function is_list_of(key, is_ours)
  local first = call('LINDEX', key, 0)
  return not first or is_ours(first)
end
local function is_hash_of(key, is_ours)
  local pairs = call('HSCAN', key, 0, 'COUNT', 1)[2]
  return #pairs == 0 or is_ours(pairs[1], pairs[2])
end
local function is_number(text) return text:find('^%d+$') end

-- The key, of those of a shard that is lost, that holds something of somebody else's, if one does.
local function foreign()
  local function entry(e) return #e >= 10 and e:find('^[SXF]') and #e >= 10 + e:byte(10) end
  local function family(_, f) return #f >= 8 and struct.unpack('>I4', f, 5) <= #f - 8 end
  local function reference(r) return r:find('^[\128-\255]*[%z\1-\127][\128-\255]*[%z\1-\127][\128-\255]*[%z\1-\127]$') end
  local function client(id, at) return #id == 16 and is_number(at) end
  local function change(c) return #c > 8 and c:sub(1, -9):find('^[efn]%d+$') end
  if not is_list_of(NAMES, entry) then return NAMES end
  if not is_hash_of(FAMILIES, family) then return FAMILIES end
  if not is_hash_of(NOTES, reference) then return NOTES end
  if not is_hash_of(CLIENTS, client) then return CLIENTS end
  local owner = call('SRANDMEMBER', OWNERS, 1)[1]
  if owner and not (#owner == 32 and owner:find('^%x+$')) then return OWNERS end
  if not is_list_of(CHANGES, change) then return CHANGES end
  if not is_list_of(SPARE, is_number) then return SPARE end
end

local function wipe()
  repeat
    local some = call('SRANDMEMBER', OWNERS, 500)
    for _, id in ipairs(some) do call('UNLINK', of_client('kept', id), of_client('live', id)) end
    if #some > 0 then call('SREM', OWNERS, unpack(some)) end
  until #some == 0
  call('UNLINK', CELLS, NAMES, FAMILIES, NOTES, CLIENTS, OWNERS, CHANGES, SPARE)
end

-- Reads the header, sees that the keys are of the right types and belong together, and makes the shard
-- if there is none and `fresh` is not empty. Answers with an error or nil.
local function enter(shards, fresh)
  local counted = {
    {'STRLEN', CELLS, FREE}, {'LLEN', NAMES, LENGTH}, {'HLEN', FAMILIES, FAMILY_COUNT},
    {'HLEN', NOTES, NOTE_COUNT}, {'HLEN', CLIENTS, CLIENT_COUNT}, {'SCARD', OWNERS, OWNER_COUNT},
    {'LLEN', CHANGES}, {'LLEN', SPARE},
  }
  local some = false
  for _, what in ipairs(counted) do
    local n = redis.pcall(what[1], what[2])
    if type(n) == 'table' then return failed(what[1], what[2], n) end
    what[4] = n
    some = some or n > 0
  end
  if counted[1][4] > 0 then
    head = call('GETRANGE', CELLS, 0, HEADER - 1)
    if #head < HEADER or head:sub(1, 7) ~= MAGIC:sub(1, 7) then
      return {err = 'PYTHEUSFOREIGN "' .. CELLS .. '"'}
    end
    if head:sub(1, 8) ~= MAGIC then
      return {err = 'PYTHEUSVERSION ' .. head:byte(8) .. ' "' .. CELLS .. '"'}
    end
    if cell(SHARDS) ~= shards then return {err = 'PYTHEUSSHARDS ' .. cell(SHARDS)} end
    local whole = counted[1][4] >= cell(FREE) * 8
    for i = 2, 6 do whole = whole and counted[i][4] == cell(counted[i][3]) end
    if whole then return nil end
  end
  if some then
    local theirs = foreign()
    if theirs then return {err = 'PYTHEUSFOREIGN "' .. theirs .. '"'} end
    wipe()
  end
  head = ''
  if fresh == '' then return nil end
  head = MAGIC .. fresh .. string.rep('\0', HEADER - 16)
  call('SETRANGE', CELLS, 0, head)
  put(FREE, HEADER / 8)
  put(SHARDS, shards)
  return nil
end

-- Finds the record of a client, at the cell it remembers if that is still its own.
local function find(id, known)
  if known ~= '' then
    local first = tonumber(known) * 8
    local bytes = call('GETRANGE', CELLS, first, first + 23)
    if bytes:sub(1, 16) == id then
      number, record = bytes:sub(17, 24), tonumber(known)
      return
    end
  end
  local at = call('HGET', CLIENTS, id)
  if at then
    record = tonumber(at)
    number = call('GETRANGE', CELLS, record * 8 + 16, record * 8 + 23)
  end
end

local function seconds() return tonumber(call('TIME')[1]) end

-- Makes a record for a client that has none.
local function enlist(id)
  call('BITFIELD', CELLS)
  local first = tonumber(call('LINDEX', SPARE, 0) or nil)
  local spare = first ~= nil
  if spare and call('GETRANGE', CELLS, first * 8, first * 8 + 15) ~= UNUSED .. pack(first) then
    first = nil
  end
  local at = first or cell(FREE)
  call('SETRANGE', CELLS, at * 8, id .. ZERO .. pack(seconds()))
  if spare then call('LPOP', SPARE) end
  if not first then put(FREE, at + 4) end
  call('HSET', CLIENTS, id, at)
  put(CLIENT_COUNT, cell(CLIENT_COUNT) + 1)
  record = at
end

-- Frees the record of a client.
local function dismiss(id, at)
  call('SETRANGE', CELLS, at * 8, UNUSED .. pack(at))
  call('HDEL', CLIENTS, id)
  call('RPUSH', SPARE, at)
  put(CLIENT_COUNT, cell(CLIENT_COUNT) - 1)
end

-- Whether the dictionary is what a client thinks it is: generation and stamp are the same, and so is
-- the last of the entries that it knows. After a restore or a failover the same numbers may mean
-- something else; stamps and tags do not.
local function is_known(generation, length, tag)
  if head:sub(GENERATION * 8 + 1, GENERATION * 8 + 16) ~= generation then return false end
  if length == '0' then return true end
  local entry = call('LINDEX', NAMES, tonumber(length) - 1)
  return entry and entry:sub(6, 9) == tag
end

-- The beginning of every script that changes something for a client: shards, fresh incarnation, client,
-- its record, what it follows: incarnation and number; what it knows of the dictionary: generation and
-- stamp, length, tag of the last entry.
local function begin()
  local problem = enter(tonumber(ARGV[1]), ARGV[2])
  if problem then return problem end
  find(ARGV[3], ARGV[4])
  if incarnation() ~= ARGV[5] or number ~= ARGV[6] then
    return {0, incarnation(), number, record or -1}
  end
  if not is_known(ARGV[7], ARGV[8], ARGV[9]) then return {1} end
  return nil
end

-- Notes which entries and families are not what they were.
local function log(changes, stamp)
  if #changes == 0 then return end
  for i = 1, #changes do changes[i] = changes[i] .. stamp end
  call('RPUSH', CHANGES, unpack(changes))
  call('LTRIM', CHANGES, -4096, -1)
  put(GENERATION, cell(GENERATION) + #changes)
  put(STAMP, stamp)
end
