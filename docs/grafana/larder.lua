-- Run by prometheus-redis-exporter (-script), since it does not export what modules add to INFO. The statistics
-- become redis_script_values{key="hits"}, those of the keys that begin with product: {key="hits:product"}.
local values = {}

local function add(name, value)
    values[#values + 1] = name
    values[#values + 1] = tostring(value)
end

for name, value in redis.call('INFO', 'cache'):gmatch('cache_([%w_]+):(%S+)') do
    add(name, value)
end

-- Each field is a time series for each prefix: only those that the dashboard shows.
local of_prefixes = { hits = true, misses = true, busy = true, ['stale-hits'] = true }
for _, prefix in ipairs(redis.call('CACHE.STATS', 'PREFIXES')) do
    local counters = redis.call('CACHE.STATS', 'PREFIX', prefix)
    for i = 1, #counters, 2 do
        if of_prefixes[counters[i]] then
            add(counters[i]:gsub('-', '_') .. ':' .. prefix, counters[i + 1])
        end
    end
end
return values
