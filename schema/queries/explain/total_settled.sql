-- How many of a tenant's reports of [from, to) gave way to another, by reason. Unseen leaves that were replaced are none.
SELECT toString(reason) AS reason_, count() AS reports
FROM settlements FINAL
WHERE minute >= {from:DateTime('UTC')} AND minute < {to:DateTime('UTC')} AND tenant = {tenant:String} AND loses = 1 AND reason != 'replaced'
GROUP BY reason_
ORDER BY reports DESC, reason_
