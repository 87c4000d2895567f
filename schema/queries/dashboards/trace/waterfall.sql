-- Spans that were kept, and calls, which always are, as a tree in the order of time. A span without a known parent is a root.
WITH RECURSIVE
    billed AS
    (
        SELECT span_id, any(parent_span_id) AS parent, any(start) AS began, any(duration_ns) AS ns, any(toString(service)) AS service, any(toString(model)) AS model,
            any(toString(tenant)) AS tenant, sum(cost) AS cost, any(toString(unpriced)) AS unpriced, any(toString(error_class)) AS failed,
            sum(fresh_input + cache_read + cache_write_5m + cache_write_1h + audio_input + image_input + text_output + reasoning + audio_output) AS tokens
        FROM calls(from = toDateTime($__fromTime, 'UTC'), to = toDateTime($__toTime, 'UTC'))
        WHERE trace_id = $trace
        GROUP BY span_id
    ),
    seen AS
    (
        SELECT span_id, any(parent_span_id) AS parent, any(start) AS began, any(duration_ns) AS ns, any(toString(service)) AS service, any(toString(name)) AS title,
            any(toString(status)) AS status
        FROM spans FINAL
        WHERE minute >= toDateTime($__fromTime, 'UTC') AND minute < toDateTime($__toTime, 'UTC') AND trace_id = $trace
        GROUP BY span_id
    ),
    every AS
    (
        SELECT span_id, parent, began, ns, service, title, status, cost, unpriced, tokens, model FROM
        (
            SELECT s.span_id AS span_id, s.parent AS parent, s.began AS began, s.ns AS ns, s.service AS service, s.title AS title,
                if(s.status IN ('', 'unset', 'Unset', 'STATUS_CODE_UNSET'), b.failed, s.status) AS status, b.cost AS cost, b.unpriced AS unpriced, b.tokens AS tokens, b.model AS model
            FROM seen AS s
            LEFT JOIN billed AS b ON b.span_id = s.span_id
            UNION ALL
            SELECT span_id, parent, began, ns, service, concat('call of ', model), failed, cost, unpriced, tokens, model
            FROM billed
            WHERE span_id NOT IN (SELECT span_id FROM seen)
        )
        ORDER BY began, span_id
        LIMIT 2000
    ),
    tree AS
    (
        SELECT span_id, toInt64(0) AS depth, [(began, span_id)] AS path
        FROM every
        WHERE parent NOT IN (SELECT span_id FROM every)
        UNION ALL
        SELECT e.span_id, t.depth + 1, arrayConcat(t.path, [(e.began, e.span_id)])
        FROM every AS e
        INNER JOIN tree AS t ON e.parent = t.span_id
        WHERE t.depth < 40
    ),
    below AS
    (
        SELECT step.2 AS span_id, sum(e.cost) AS cost
        FROM tree AS t
        INNER JOIN every AS e ON e.span_id = t.span_id
        ARRAY JOIN t.path AS step
        GROUP BY span_id
    ),
    (SELECT (min(toUnixTimestamp64Nano(began)), greatest(max(toUnixTimestamp64Nano(began) + toInt64(ns)) - min(toUnixTimestamp64Nano(began)), 1)) FROM every) AS whole
SELECT
    concat(repeat('– ', ifNull(t.depth, 0)), e.title) AS span,
    e.service AS service,
    (toUnixTimestamp64Nano(e.began) - whole.1) / 1e9 AS `starts after`,
    e.ns / 1e9 AS took,
    concat(repeat('░', least(29, toInt64(30 * (toUnixTimestamp64Nano(e.began) - whole.1) / whole.2)) AS before),
        repeat('█', least(30 - before, greatest(1, toInt64(30 * e.ns / whole.2))) AS filled), repeat('░', 30 - before - filled)) AS timeline,
    e.cost AS cost,
    if(t.depth IS NULL, e.cost, b.cost) AS `with children`,
    e.tokens AS tokens,
    e.model AS model,
    if(e.unpriced != '', concat('unpriced: ', e.unpriced), e.status) AS note
FROM every AS e
LEFT JOIN tree AS t ON t.span_id = e.span_id
LEFT JOIN below AS b ON b.span_id = e.span_id
ORDER BY empty(t.path), t.path, e.began, e.span_id
