-- Keeps what a client has. Arguments: shards, nothing, client, its record, incarnation, lease, whether
-- there are live numbers, whether there are kept ones. Answers whether all of it is there.
local problem = enter(tonumber(ARGV[1]), ARGV[2])
if problem then return problem end
if incarnation() ~= ARGV[5] then return {0} end
find(ARGV[3], ARGV[4])
if not record then return {0} end
local all = 1
if ARGV[7] == '1' and call('PEXPIRE', LIVE, ARGV[6]) == 0 then all = 0 end
if ARGV[8] == '1' and call('EXISTS', KEPT) == 0 then all = 0 end
-- A server without memory does not note that the client was here. Neither does it forget any then.
redis.pcall('SETRANGE', CELLS, record * 8 + 24, pack(seconds()))
return {all}
