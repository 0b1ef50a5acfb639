-- Frees what nobody needs. Arguments: shards, nothing, incarnation, what is known of the dictionary
-- (generation and stamp, length, tag), the cursor among the clients (or nothing), after how many seconds
-- a client is forgotten, a stamp, whether clients are only marked as seen; then pairs: an entry and what
-- it becomes (R and the entry's number; E and also the byte where it says when it was used and after how
-- many seconds it expires), a text (N), an owner (O). Answers with the next cursor, and whether clients
-- were only marked.
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
    local entry, first, expiry = which:match('^(%d+):(%d+):(%d+)$')
    local used = struct.unpack('>I8', call('GETRANGE', CELLS, first, first + 7))
    if used == 0 then
      call('SETRANGE', CELLS, first, pack(now))
    elseif used < now - tonumber(expiry) then
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

local cursor, marks = ARGV[7], ARGV[10]
if cursor == '0' then
  -- Nobody looked for long, or the clock was changed: so nobody can say who was here meanwhile.
  local last = cell(SWEPT)
  marks = (now < last or now - last > math.max(tonumber(ARGV[8]) / 2, 60)) and '1' or '0'
  put(SWEPT, now)
end
if cursor ~= '' then
  local page = call('HSCAN', CLIENTS, cursor, 'COUNT', 100)
  local before = now - tonumber(ARGV[8])
  for i = 1, #page[2], 2 do
    local at = tonumber(page[2][i + 1])
    if marks == '1' then
      call('SETRANGE', CELLS, at * 8 + 24, pack(now))
    else
      local seen = struct.unpack('>I8', call('GETRANGE', CELLS, at * 8 + 24, at * 8 + 31))
      if seen < before then dismiss(page[2][i], at) end
    end
  end
  cursor = page[1]
end
return {1, cursor, marks}
