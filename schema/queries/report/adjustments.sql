-- What was booked into the days [from, to).
SELECT
    toString(id), booked, original, tenant, provider, model, kind, toString(cost), calls, author, reason, evidence
FROM adjustments_now
WHERE booked >= toDate({from:DateTime('UTC')}) AND booked < toDate({to:DateTime('UTC')})
  AND ({every:UInt8} = 1 OR tenant = {tenant:String})
ORDER BY booked, tenant, kind, provider, model, id
