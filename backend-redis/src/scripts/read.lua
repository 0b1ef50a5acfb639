-- Bytes of the cells as they are at one moment, if the dictionary is what the reader thinks it is.
-- Arguments: shards, nothing, incarnation, generation, then pairs of first and last byte.
local problem = enter(tonumber(ARGV[1]), ARGV[2])
if problem then return problem end
if incarnation() ~= ARGV[3] or head:sub(GENERATION * 8 + 1, GENERATION * 8 + 8) ~= ARGV[4] then
  return {0}
end
local answer = {1, seconds()}
for a = 5, #ARGV, 2 do answer[#answer + 1] = call('GETRANGE', CELLS, ARGV[a], ARGV[a + 1]) end
return answer
