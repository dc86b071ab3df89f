redis.setresp(3)
redis.call('sadd', 'st', 'a', 'b')
redis.call('hset', 'hh', 'f', 'v', 'g', 'w')
redis.call('zadd', 'zz', 1, 'a', 2.5, 'b')
redis.call('xadd', 'xx', '1-1', 'f', 'v')
-- show writes a table with its keys in order: those of a set have none
local function show(v)
  if type(v) ~= 'table' then return type(v) .. ':' .. tostring(v) end
  local keys, s = {}, '{'
  for k in pairs(v) do keys[#keys + 1] = tostring(k) end
  table.sort(keys)
  for _, k in ipairs(keys) do
    local x = v[k]
    if x == nil then x = v[tonumber(k)] end
    s = s .. k .. '=' .. show(x) .. ';'
  end
  return s .. '}'
end
