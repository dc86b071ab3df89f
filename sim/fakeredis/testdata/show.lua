local function show(v, d)
  local t = type(v)
  if t == 'string' then return string.format('%q', v) end
  if t == 'table' then
    if d > 3 then return '...' end
    local s = '{'
    for k, x in pairs(v) do s = s .. show(k, d+1) .. '=' .. show(x, d+1) .. ';' end
    return s .. '#' .. #v .. '}'
  end
  if t == 'function' or t == 'thread' then return t end
  return t .. ':' .. tostring(v)
end
local out = {}
local function run(f, ...)
  local r = {pcall(f, ...)}
  local n = select('#', pcall(f, ...))
  local s = n .. ' '
  for i = 1, n do s = s .. show(r[i], 0) .. ',' end
  out[#out+1] = (string.gsub(s, '0x%x+', 'ADDR'))
end
