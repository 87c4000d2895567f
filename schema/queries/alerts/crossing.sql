-- The first call, in the order of receipt, with which the running total of the window reaches {need}.
SELECT toUnixTimestamp64Milli(received) AS at
FROM
(
    SELECT
        received,
        sum(cost) OVER (ORDER BY received, trace_id, span_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS running
    FROM calls(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
    WHERE tenant = {tenant:String}
      AND if(bitAnd(flags, 2) != 0, toDateTime64(received, 9, 'UTC'), start) >= {start:DateTime64(9, 'UTC')}
      AND if(bitAnd(flags, 2) != 0, toDateTime64(received, 9, 'UTC'), start) < {end:DateTime64(9, 'UTC')}
)
WHERE running >= toDecimal128({need:String}, 12)
ORDER BY running
LIMIT 1
