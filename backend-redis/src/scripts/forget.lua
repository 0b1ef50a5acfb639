-- Drops what belongs to a live client, and its record. Arguments: shards, nothing, client, its record,
-- and the client as it is called among the owners.
local problem = enter(tonumber(ARGV[1]), ARGV[2])
if problem then return problem end
if head == '' then return {1} end
try_to_write()
find(ARGV[3], ARGV[4])
call('UNLINK', LIVE)
if call('EXISTS', KEPT) == 0 and call('SREM', OWNERS, ARGV[5]) == 1 then
  put(OWNER_COUNT, cell(OWNER_COUNT) - 1)
end
if record then dismiss(ARGV[3], record) end
return {1}
