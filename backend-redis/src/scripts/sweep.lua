-- Frees what nobody needs. Arguments: shards, nothing, incarnation, what is known of the dictionary
-- (generation and stamp, length, tag), the cursor among the clients (or nothing), after how many seconds
-- a client is forgotten, a stamp, after how many seconds a series expires; then pairs: an entry and what
-- it becomes (R and the entry's number; E and also the byte where it says when it was used, if it
-- expired), a text (N), an owner (O).
local problem = enter(tonumber(ARGV[1]), ARGV[2])
if problem then return problem end
if incarnation() ~= ARGV[3] or not is_known(ARGV[4], ARGV[5], ARGV[6]) then return {0} end
try_to_write()

local changes = {}
local now = seconds()
for a = 11, #ARGV, 2 do
  local what, which = ARGV[a]:sub(1, 1), ARGV[a]:sub(2)
  if what == 'R' then
    call('LSET', NAMES, which, ARGV[a + 1])
    changes[#changes + 1] = 'e' .. which
  elseif what == 'E' then
    local entry, first = which:match('^(%d+):(%d+)$')
    local used = struct.unpack('>I8', call('GETRANGE', CELLS, first, first + 7))
    if used == 0 then
      call('SETRANGE', CELLS, first, pack(now))
    elseif used < now - tonumber(ARGV[10]) then
      call('LSET', NAMES, entry, ARGV[a + 1])
      changes[#changes + 1] = 'e' .. entry
    end
  elseif what == 'N' then
    put(NOTE_COUNT, cell(NOTE_COUNT) - call('HDEL', NOTES, which))
  elseif call('EXISTS', of_client('kept', which), of_client('live', which)) == 0 then
    put(OWNER_COUNT, cell(OWNER_COUNT) - call('SREM', OWNERS, which))
  end
end
log(changes, ARGV[9])

local cursor = ARGV[7]
if cursor ~= '' then
  local page = call('HSCAN', CLIENTS, cursor, 'COUNT', 100)
  local before = now - tonumber(ARGV[8])
  for i = 1, #page[2], 2 do
    local at = tonumber(page[2][i + 1])
    local seen = struct.unpack('>I8', call('GETRANGE', CELLS, at * 8 + 24, at * 8 + 31))
    if seen < before then dismiss(page[2][i], at) end
  end
  cursor = page[1]
end
return {1, cursor}
