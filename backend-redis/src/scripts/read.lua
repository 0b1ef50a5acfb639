-- Bytes of the cells as they are at one moment, if the dictionary is what the reader thinks it is.
-- Arguments: shards, nothing, incarnation, what is known of the dictionary: generation and stamp, length,
-- tag; then pairs of first and last byte.
local problem = enter(tonumber(ARGV[1]), ARGV[2])
if problem then return problem end
if incarnation() ~= ARGV[3] or not is_known(ARGV[4], ARGV[5], ARGV[6]) then return {0} end
local answer = {1, seconds()}
for a = 7, #ARGV, 2 do answer[#answer + 1] = call('GETRANGE', CELLS, ARGV[a], ARGV[a + 1]) end
return answer
