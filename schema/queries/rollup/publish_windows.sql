-- Which windows of [from, to), whole days, spend is read from: what the views spend and spend_by find out, and where the same revisions are summed up by one key. The highest number is read before any row
-- is, and every writing has taken one after the commit that it follows, so that whatever is written under a higher number has seen it. All of a day
-- are in one part.
INSERT INTO spend_windows (hour, version, minutes, hour_of, day_of, hour_of_by, day_of_by, hour_stands, day_stands, day_by_stands, writings, minutes_gone)
SELECT
    hour,
    (SELECT max(version) FROM spend_windows),
    minutes, hour_of, day_of, hour_of_by, day_of_by,
    notEmpty(hour_of) AND NOT hour_due,
    max(notEmpty(day_of)) OVER day AND NOT max(hour_due OR day_due) OVER day,
    max(notEmpty(day_of_by)) OVER day AND NOT max(by_due) OVER day,
    [found[1], found[2], max(found[3]) OVER day],
    hour < (SELECT if(count() = 0, toDateTime(4000000000, 'UTC'), toStartOfHour(min(window))) FROM cost_minute)
FROM
(
    SELECT *, arrayMap(of -> arrayMax((o, writing) -> if(o = of, writing, 0), arrayPushBack(ofs, []), arrayPushBack(by, 0)), [minutes, hour_of, day_of]) AS found -- 0: nobody has summed them up
    FROM
    (
        SELECT
            toStartOfHour(window) AS hour,
            arraySort(groupArrayIf(revision, level = 'minute')) AS minutes,
            groupArrayIf(revision, level = 'hour' AND revision.2 > 0) AS hour_of,
            groupArrayIf(revision, level = 'day' AND revision.2 > 0) AS day_of,
            groupArrayIf(revision, level = 'hour_by' AND revision.2 > 0) AS hour_of_by,
            groupArrayIf(revision, level = 'day_by' AND revision.2 > 0) AS day_of_by,
            max(level = 'hour' AND due) AS hour_due,
            max(level = 'day' AND due) AS day_due,
            max(level IN ('hour_by', 'day_by') AND due) AS by_due,
            groupArrayIf(of, writing != 0) AS ofs,
            groupArrayIf(writing, writing != 0) AS by
        FROM
        (
            SELECT toString(r.level) AS level, window, (toInt64(window) + toInt64(r.level) * 100000000000, (max((n, worker)) AS newest).1, newest.2) AS revision, false AS due,
                CAST([], 'Array(Tuple(Int64, UInt64, UInt64))') AS of, toUInt64(0) AS writing
            FROM window_revisions AS r
            WHERE committed = 1 AND window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}
            GROUP BY r.level, window
            UNION ALL
            SELECT toString(d.level), window, (0, 0, 0), true, [], 0
            FROM dirty_windows AS d FINAL
            WHERE d.level != 'minute' AND done = 0 AND window >= {from:DateTime('UTC')} AND window < {to:DateTime('UTC')}
              AND (d.level IN ('hour_by', 'day_by') OR toStartOfMonth(window) NOT IN (SELECT month FROM period_states WHERE state = 'closed'))
            UNION ALL
            SELECT '', s.hour, (0, 0, 0), false, s.of, s.writing
            FROM summaries AS s
            WHERE s.done = 1 AND s.hour >= {from:DateTime('UTC')} AND s.hour < {to:DateTime('UTC')}
        )
        GROUP BY hour
    )
)
WINDOW day AS (PARTITION BY toStartOfDay(hour))
