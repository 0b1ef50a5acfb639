-- Tries every command on a key of its own, so that a user who lacks one hears of it by name, before a
-- script is half done.
local key = CELLS:sub(1, -6) .. 'probe'
local denied, seen = {}, {}
for _, words in ipairs({
  {'UNLINK', key}, {'SETRANGE', key, 0, 'x'}, {'GETRANGE', key, 0, 0}, {'STRLEN', key},
  {'BITFIELD', key, 'SET', 'i64', 0, 0}, {'PEXPIRE', key, 60000}, {'EXISTS', key}, {'UNLINK', key},
  {'RPUSH', key, 'x', 'y'}, {'LSET', key, 0, 'z'}, {'LINDEX', key, 0}, {'LRANGE', key, 0, 0},
  {'LLEN', key}, {'LTRIM', key, 0, 5}, {'LPOP', key}, {'UNLINK', key},
  {'HSET', key, 'x', 'y'}, {'HGET', key, 'x'}, {'HMGET', key, 'x'}, {'HLEN', key},
  {'HSCAN', key, 0}, {'HDEL', key, 'x'}, {'UNLINK', key},
  {'SADD', key, 'x'}, {'SCARD', key}, {'SRANDMEMBER', key, 1}, {'SMEMBERS', key},
  {'SREM', key, 'x'}, {'UNLINK', key}, {'TIME'},
}) do
  local reply = redis.pcall(unpack(words))
  local problem = type(reply) == 'table' and reply.err or ''
  local is_denied = problem:find('NOPERM') or problem:find('The user executing the script')
    or problem:find('ACL failure in script')
  if is_denied and not seen[words[1]] then
    seen[words[1]] = true
    denied[#denied + 1] = words[1]
  end
end
if #denied == 0 then return {1} end
return {err = 'NOPERM ' .. table.concat(denied, ', ') .. ' on keys like "' .. CELLS .. '"'}
