-- What a writing is going to sum up: of the hours of [from, to), which are over, what spend_windows says to read and is not summed up.
INSERT INTO summaries (hour, of, writing, done)
SELECT hour, arrayJoin(arrayFilter(x -> notEmpty(x), [
    if(hour_stands AND minutes_as = minutes, minutes, []), if(hour_stands AND NOT hour_summed, hour_of, []), if(day_stands AND NOT day_summed AND hour <= {ended:DateTime('UTC')} - INTERVAL 1 DAY, day_of, [])])), {writing:UInt64}, 0
FROM spend_windows FINAL
WHERE hour >= {from:DateTime('UTC')} AND hour < {to:DateTime('UTC')}
