-- What reports the open minutes hold, as a sign that changes whenever one comes. It decides nothing but whether the calls are read again: doubles
-- that a merge removes change it too.
SELECT concat(toString(count()), ' ', toString(sum(version))) AS sign
FROM call_reports
WHERE minute >= {from:DateTime('UTC')} AND minute < {to:DateTime('UTC')}
