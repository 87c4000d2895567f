-- Hours of [from, to) that have reports of the tenant and the model; empty: any.
SELECT DISTINCT toStartOfHour(minute) AS hour
FROM call_reports
WHERE minute >= {from:DateTime('UTC')} AND minute < {to:DateTime('UTC')}
  AND ({every:UInt8} = 1 OR tenant = {tenant:String}) AND ({model:String} = '' OR model = {model:String})
ORDER BY hour
