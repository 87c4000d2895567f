-- Every hour of a day that has calls, totals or adjustments: somewhere in it the calls are more than what the books have of them, and
-- elsewhere there is nothing to compare.
INSERT INTO adjust_marks (window, id, done)
SELECT window_, generateUUIDv4(), 0
FROM
(
    SELECT DISTINCT window_ FROM
    (
        SELECT toStartOfHour(c.minute) AS window_ FROM calls(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')}) AS c
        UNION ALL
        SELECT h.window AS window_ FROM spend_hour(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')}) AS h
        UNION ALL
        SELECT a.window AS window_ FROM adjustments_now AS a WHERE a.window >= {from:DateTime('UTC')} AND a.window < {to:DateTime('UTC')}
    )
)
