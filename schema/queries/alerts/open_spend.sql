-- Spend of the open minutes straight from the calls (DESIGN D10), by tenant, minute, and bucket of the collector's receipt:
-- what a call costs is known when it is received, however long it ran.
SELECT
    tenant,
    toInt64(toUnixTimestamp(minute)) AS minute_s,
    intDiv(toUnixTimestamp64Milli(received), {bucket_ms:Int64}) AS bucket,
    toString(sum(cost)) AS amount,
    count() AS all_calls,
    countIf(unpriced != '') AS without_price,
    toUnixTimestamp64Milli(max(received)) AS newest
FROM calls(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
GROUP BY tenant, minute_s, bucket
