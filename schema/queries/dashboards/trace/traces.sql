-- The dearest traces of the range, of its last three hours at most, as choices.
SELECT lower(hex(trace_id)) AS id, concat(any(tenant), ', ', toString(count()), if(count() = 1, ' call, ', ' calls, '), $usd(sum(cost)), ', ', left(lower(hex(trace_id)), 8)) AS text
FROM $calls(greatest(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC') - INTERVAL 3 HOUR), toDateTime($__toTime, 'UTC'))
GROUP BY trace_id
ORDER BY sum(cost) DESC, id
LIMIT 50
