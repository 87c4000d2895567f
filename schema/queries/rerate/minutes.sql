-- The minutes of an hour in which a run changes reports, and how many.
SELECT minute, count()
FROM rerate_reports
WHERE run = {run:UUID} AND minute >= {from:DateTime('UTC')} AND minute < {to:DateTime('UTC')}
GROUP BY minute
ORDER BY minute
