-- Applies a batch. Behind what `begin` wants: the new number, how many integers, floats and others there
-- are, how many of each group there are, the lease, whether there are live numbers and kept ones (two
-- digits), the client's name;
-- then the integers (cell, amount), the floats (first byte, last byte, amount) and the others (what,
-- group and three more).
local refusal = begin()
if refusal then return refusal end
try_to_write()
-- Floats come first, and what they add up to must not stay without the number of the batch.
call('BITFIELD', CELLS)
if not record then enlist(ARGV[3]) end

local ARGV = ARGV
local ints, floats, others, groups = tonumber(ARGV[11]), tonumber(ARGV[12]), tonumber(ARGV[13]), ARGV[14]
local first_int = 19
local first_float = first_int + ints * 2
local first_other = first_float + floats * 3
local now = call('TIME')
local now_ms = tonumber(now[1]) * 1000 + math.floor(tonumber(now[2]) / 1000)
local refused, undo, undo_at = {}, {}, {}

-- Whether what was set then replaces what was set before. A time to come was written when the clock was
-- wrong.
local function is_later(stamp, before) return stamp >= before or before > now_ms end

local function refuse(group, why)
  if not refused[group] then refused[group] = why end
  refused.any = true
end

local to_float, from_float = struct.unpack, struct.pack

-- The group of the i-th integer (which = 0) or float (which = 2).
local function group_of(i, which)
  local seen = 0
  for group = 1, #groups / 4 do
    seen = seen + struct.unpack('>I2', groups, (group - 1) * 4 + which + 1)
    if i <= seen then return group end
  end
end

local function save(first, last)
  local bytes = call('GETRANGE', CELLS, first, last)
  undo[#undo + 1] = bytes
  undo_at[#undo] = first
  return bytes
end

-- Takes back what was done, and says what was refused and why.
local function give_up()
  for i = #undo, 1, -1 do
    call('SETRANGE', CELLS, undo_at[i] or ARGV[first_float + (i - 1) * 3], undo[i])
  end
  local answer = {4}
  refused.any = nil
  for group, why in pairs(refused) do
    answer[#answer + 1] = group
    answer[#answer + 1] = why
  end
  return answer
end

local a = first_float
for i = 1, floats do
  local first = ARGV[a]
  local before = call('GETRANGE', CELLS, first, ARGV[a + 1])
  local sum = to_float('>d', before) + to_float('>d', ARGV[a + 2])
  -- Neither infinite nor no number at all.
  if sum - sum == 0 then
    call('SETRANGE', CELLS, first, from_float('>d', sum))
  else
    refuse(group_of(i, 2), 2)
  end
  undo[i] = before
  a = a + 3
end

-- Numbers that are set, in their order.
for a = first_other, first_other + (others - 1) * 5, 5 do
  local what, first = ARGV[a], tonumber(ARGV[a + 2])
  if what == 'I' then
    save(first, first + 7)
    local at = '#' .. first / 8
    if not call('BITFIELD', CELLS, 'OVERFLOW', 'FAIL', 'INCRBY', 'i64', at, ARGV[a + 3])[1] then
      refuse(tonumber(ARGV[a + 1]), 1)
    end
  elseif what == 'F' then
    local sum = struct.unpack('>d', save(first, first + 7)) + struct.unpack('>d', ARGV[a + 3])
    call('SETRANGE', CELLS, first, struct.pack('>d', sum))
  elseif what == 'S' then
    local stamp = math.max(now_ms - tonumber(ARGV[a + 4]), 1)
    if is_later(stamp, struct.unpack('>I8', save(first, first + 15), 9)) then
      call('SETRANGE', CELLS, first, ARGV[a + 3] .. pack(stamp))
    end
  end
end
if refused.any then return give_up() end

-- The integers, at most a thousand at once, and with the last of them the record of the client.
local results = {}
local args, size, count = {CELLS, 'OVERFLOW', 'FAIL'}, 3, 0
local function send()
  local answer = call('BITFIELD', unpack(args, 1, size))
  for i = 1, count do results[#results + 1] = answer[i] end
  size, count = 3, 0
end
for a = first_int, first_float - 2, 2 do
  args[size + 1] = 'INCRBY'
  args[size + 2] = 'i64'
  args[size + 3] = ARGV[a]
  args[size + 4] = ARGV[a + 1]
  size = size + 4
  count = count + 1
  if count == 1000 and a < first_float - 2 then send() end
end
for i, value in ipairs({ARGV[10], now[1]}) do
  args[size + 1], args[size + 2], args[size + 3] = 'SET', 'i64', '#' .. (record + 1 + i)
  args[size + 4] = value
  size = size + 4
end
send()

-- Takes back the integers, too, and the number of the batch.
local function give_up_all()
  for i = ints, 1, -1 do
    if results[i] then
      local amount = ARGV[first_int + i * 2 - 1]
      amount = amount:sub(1, 1) == '-' and amount:sub(2) or '-' .. amount
      call('BITFIELD', CELLS, 'INCRBY', 'i64', ARGV[first_int + i * 2 - 2], amount)
    end
  end
  call('SETRANGE', CELLS, record * 8 + 16, number)
  return give_up()
end
for i = 1, ints do
  if not results[i] then refuse(group_of(i, 0), 1) end
end
if refused.any then return give_up_all() end

-- Texts, and numbers of the client alone. They can be done twice; so if one of them cannot be done, what
-- was counted is taken back, and all of it comes again.
local problem
local function try(command, key, ...)
  local reply = redis.pcall(command, key, ...)
  if type(reply) == 'table' and reply.err then
    problem = failed(command, key, reply)
    error(problem.err)
  end
  return reply
end
local lost = 0
local made = {}
local function make(key)
  if made[key] then return end
  made[key] = true
  local whose = try('HGET', key, '')
  if whose and whose:sub(1, 8) == incarnation() then return end
  local place = key == LIVE and 1 or 2
  if ARGV[16]:sub(place, place) == '1' then lost = 1 end
  -- First: an owner without a key is found and forgotten, a key without an owner is not found.
  if try('SADD', OWNERS, ARGV[18]) == 1 then put(OWNER_COUNT, cell(OWNER_COUNT) + 1) end
  if whose then try('UNLINK', key) end
  try('HSET', key, '', incarnation() .. ARGV[3] .. ARGV[17])
  if key == LIVE then try('PEXPIRE', key, ARGV[15]) end
end
local function keep_others()
  for a = first_other, first_other + (others - 1) * 5, 5 do
    local what = ARGV[a]
    if what == 'N' then
      if try('HSET', NOTES, ARGV[a + 2], ARGV[a + 3]) == 1 then
        put(NOTE_COUNT, cell(NOTE_COUNT) + 1)
      end
    elseif what == 'T' then
      call('SETRANGE', CELLS, ARGV[a + 2], pack(tonumber(now[1])))
    elseif what == 'K' or what == 'L' then
      local key = what == 'K' and KEPT or LIVE
      make(key)
      local stamp = math.max(now_ms - tonumber(ARGV[a + 4]), 1)
      local before = try('HGET', key, ARGV[a + 2])
      if not before or is_later(stamp, struct.unpack('>I8', before, 10)) then
        try('HSET', key, ARGV[a + 2], ARGV[a + 3] .. pack(stamp))
      end
    end
  end
end
if others > 0 then
  local is_done, other = pcall(keep_others)
  if not is_done then
    give_up_all()
    return problem or {err = 'ERR ' .. tostring(other)}
  end
end

return {2, record, lost}
