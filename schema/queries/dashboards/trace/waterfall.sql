-- Spans that were kept, and calls, which always are, as a tree in the order of time. A span without a known parent is a root. They are read
-- once, into an array in that order; way is a span's place in it after those of its parents, the root first.
SELECT
    concat(repeat('– ', depth), title) AS span,
    service,
    (began - first) / 1e9 AS `starts after`,
    ns / 1e9 AS took,
    concat(repeat('░', before), repeat('█', filled), repeat('░', 30 - before - filled)) AS timeline,
    cost,
    below AS `with children`,
    tokens,
    model,
    if(unpriced != '', concat('unpriced: ', unpriced), status) AS note
FROM
(
    SELECT *, min(began) OVER () AS first, greatest(max(began + ns) OVER () - first, 1) AS whole,
        toUInt64(least(29, intDiv(30 * (began - first), whole))) AS before, toUInt64(least(30 - before, greatest(1, intDiv(30 * ns, whole)))) AS filled
    FROM
    (
        SELECT step, anyIf(tree, own) AS tree, anyIf(path, own) AS path, toUInt64(if(tree, length(path) - 1, 0)) AS depth, anyIf(began_, own) AS began, anyIf(ns_, own) AS ns,
            anyIf(service_, own) AS service, anyIf(title_, own) AS title, anyIf(status_, own) AS status, anyIf(cost_, own) AS cost, anyIf(unpriced_, own) AS unpriced,
            anyIf(tokens_, own) AS tokens, anyIf(model_, own) AS model, sum(cost_) AS below
        FROM
        (
            SELECT step, step = i AS own, up[way[1]] = 0 AS tree, if(tree, way, [i]) AS path, -- a loop has no root
                toUnixTimestamp64Nano(e.3) AS began_, toInt64(e.4) AS ns_, e.5 AS service_, e.6 AS title_, e.7 AS status_, e.8 AS cost_, e.9 AS unpriced_, e.10 AS tokens_, e.11 AS model_
            FROM
            (
                SELECT found, up, arrayMap(k -> arrayFold((way, x) -> if(up[way[1]] > 0 AND length(way) <= 40, arrayPushFront(way, up[way[1]]), way), range(40), [k]),
                    arrayEnumerate(found)) AS ways
                FROM
                (
                    SELECT found, arrayMap(x -> toUInt32(indexOf(ids, x.2)), found) AS up
                    FROM
                    (
                        SELECT groupArray((span_id, parent, began, ns, service, title, status, cost, unpriced, tokens, model)) AS found, groupArray(span_id) AS ids
                        FROM
                        (
                            SELECT
                                span_id,
                                if(max(kept), anyIf(parent_, kept), any(parent_)) AS parent,
                                if(max(kept), anyIf(began_, kept), any(began_)) AS began,
                                if(max(kept), anyIf(ns_, kept), any(ns_)) AS ns,
                                if(max(kept), anyIf(service_, kept), any(service_)) AS service,
                                if(max(kept), anyIf(title_, kept), concat('call of ', any(model_))) AS title,
                                if(anyIf(status_, kept) IN ('', 'unset', 'Unset', 'STATUS_CODE_UNSET'), anyIf(status_, NOT kept), anyIf(status_, kept)) AS status,
                                sum(cost_) AS cost, anyIf(unpriced_, NOT kept) AS unpriced, sum(tokens_) AS tokens, anyIf(model_, NOT kept) AS model
                            FROM
                            (
                                SELECT span_id, true AS kept, parent_span_id AS parent_, start AS began_, duration_ns AS ns_, toString(service) AS service_, toString(name) AS title_,
                                    toString(status) AS status_, toDecimal128(0, 12) AS cost_, '' AS unpriced_, toUInt64(0) AS tokens_, '' AS model_
                                FROM spans FINAL
                                WHERE minute >= toDateTime($__fromTime, 'UTC') AND minute < toDateTime($__toTime, 'UTC') AND trace_id = $trace
                                UNION ALL
                                SELECT span_id, false, parent_span_id, start, duration_ns, toString(service), '', toString(error_class), toDecimal128(cost, 12), toString(unpriced),
                                    fresh_input + cache_read + cache_write_5m + cache_write_1h + audio_input + image_input + text_output + reasoning + audio_output, toString(model)
                                FROM calls(from = toDateTime($__fromTime, 'UTC'), to = toDateTime($__toTime, 'UTC'))
                                WHERE trace_id = $trace
                            )
                            GROUP BY span_id
                            ORDER BY began, span_id
                            LIMIT 2000
                        )
                    )
                )
            )
            ARRAY JOIN arrayEnumerate(found) AS i, found AS e, ways AS way
            ARRAY JOIN if(up[way[1]] = 0, way, [i]) AS step
        )
        GROUP BY step
    )
)
ORDER BY NOT tree, path
