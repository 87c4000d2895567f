-- Spend of the open minutes straight from the calls (DESIGN D10), by tenant, minute, and bucket of the collector's receipt:
-- what a call costs is known when it is received, however long it ran.
SELECT
    tenant,
    '' AS value,
    toInt64(toUnixTimestamp(minute)) AS minute_s,
    intDiv(toUnixTimestamp64Milli(received), {bucket_ms:Int64}) AS bucket,
    toString(sum(cost)) AS amount,
    toString(max(cost)) AS biggest,
    count() AS all_calls,
    countIf(unpriced != '') AS without_price,
    countIf(bitAnd(flags, {doubt:UInt32}) != 0) AS doubtful,
    countIf(bitAnd(flags, {limited:UInt32}) != 0) AS refused,
    toUInt64(0) AS tokens,
    toUnixTimestamp64Milli(max(received)) AS newest
FROM calls(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
GROUP BY tenant, minute_s, bucket
